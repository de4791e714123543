#if HTTP
import HTTPTypes
import HummingbirdCore
import Logging
import MoedClient
import MoedCore
import MoedFront
import MoedPage
import NIOCore

/// Answers requests for the page. It reads by a role that sees everything and changes nothing. Actions go by the
/// gateway's role, with an operator's key.
struct PageResponder: Sendable {
    let reports: ReportPool
    let store: GatewayStore
    let metrics: GatewayMetrics
    let sessions = PageSessions()
    let log: Logger

    private static let rowsMax = 50

    @concurrent
    func respond(to request: Request, _ writer: consuming ResponseWriter) async throws {
        var response = await answer(to: request)
        if request.method == .head { response = response.createHeadResponse() }
        try await writer.write(response: response.head, body: response.body)
    }

    private func answer(to request: Request) async -> Response {
        let path = request.uri.path
        if request.method == .post, ["/login", "/logout", "/act"].contains(path) { return await submit(path, request) }
        guard request.method == .get || request.method == .head else {
            return Self.response(.methodNotAllowed, Page.missing("The page takes no such request."))
        }
        do {
            switch path {
            case "/":
                let overview = try await overview()
                return Self.response(.ok, Page.overview(overview, for: await sessions.person(session(of: request))))
            case "/metrics":
                return Self.response(.ok, PrometheusText.encode(metrics.metrics), type: PrometheusText.contentType)
            case "/login": return Self.response(.ok, Page.login())
            case "/style.css": return Self.response(.ok, Page.style, type: "text/css; charset=utf-8")
            case _ where path.hasPrefix("/job/"):
                guard let number = Int64(path.dropFirst(5)), let page = try await job(number) else { break }
                return Self.response(.ok, page)
            default: break
            }
            return Self.response(.notFound, Page.missing("There is no such page."))
        } catch {
            log.warning("the page cannot be made: \(error)")
            return Self.response(
                .serviceUnavailable, Page.missing("The database does not answer, or refuses the report."))
        }
    }

    /// Two connections share the reports.
    private func overview() async throws -> Page.Overview {
        async let history = history()
        var overview = try await reports.with { client in
            var overview = Page.Overview()
            overview.health = try await client.health()
            overview.workers = try await client.workers()
            overview.queue = try await client.openJobs()
            overview.present = try await client.present(overview.queue)
            overview.batches = try await client.newestBatches(limit: Self.rowsMax)
            overview.tenants = try await client.tenants(limit: Self.rowsMax)
            overview.endpoints = try await client.endpoints()
            return overview
        }
        (overview.history, overview.backlog, overview.failures) = try await history
        return overview
    }

    private func history() async throws -> (History, backlog: [JSONObject], failures: [JSONObject]) {
        try await reports.with { client in
            var history = History()
            history.last = try await client.lastSpan(seconds: History.span)
            history.spans = try await client.history(seconds: History.span)
            history.hours = try await client.history(seconds: History.row)
            history.endpoints = try await client.endpointHistory(seconds: History.span)
            return (history, try await client.backlog(limit: Self.rowsMax), try await client.failuresByCode())
        }
    }

    private func job(_ number: Int64) async throws -> String? {
        try await reports.with { client in
            guard let job = try await client.job(number, showsBodies: false) else { return nil }
            return Page.job(
                number, job, why: try await client.why(number), attempts: try await client.attempts(number))
        }
    }

    static func response(
        _ status: HTTPResponse.Status, _ text: String, type: String = "text/html; charset=utf-8"
    ) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = type
        headers[.cacheControl] = "no-store"
        for (name, value) in [
            ("content-security-policy", Page.policy), ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            if let field = HTTPField.Name(name) { headers[field] = value }
        }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
#endif
