#if HTTP
import HTTPTypes
import HummingbirdCore
import Logging
import MoedClient
import MoedCore
import MoedOpenAI
import NIOCore

/// Turns requests into calls of the database and its answers into HTTP.
struct Responder: Sendable {
    let store: GatewayStore
    let chats: ChatDesk
    let imports: ImportService
    let settings: GatewaySettings
    let metrics: GatewayMetrics
    let log: Logger

    @concurrent
    func respond(to request: Request, _ writer: consuming ResponseWriter) async throws {
        let start = ContinuousClock.now
        let id = "req_" + String(UInt64.random(in: .min ... .max), radix: 36)
        metrics.began()
        defer { metrics.ended() }
        let (route, answer) = await answer(to: request)
        var response = answer.response(requestID: id)
        // Watching for the client's end uses the connection up.
        if Self.directPaths.contains(request.uri.path) { response.headers[.connection] = "close" }
        if request.method == .head { response = response.createHeadResponse() }
        let (status, time) = (response.status.code, ContinuousClock.now - start)
        metrics.answered(route, status: status, after: time)
        log.debug(
            "\(id) \(request.method.rawValue) \(request.uri.path.prefix(200)) \(status) after \(time)")
        let metrics = metrics
        let isStream = response.headers[.contentType] == Self.events
        if isStream { metrics.streamBegan() }
        defer { if isStream { metrics.streamEnded() } }
        try await writer.write(
            response: response.head,
            body: response.body.map { buffer in
                metrics.sent(buffer.readableBytes)
                return buffer
            })
    }

    static let events = "text/event-stream"

    /// The answer, and the name of the route for the metrics.
    private func answer(to request: Request) async -> (route: String, Answer) {
        var name = "none"
        do throws(APIError) {
            let method = request.method == .head ? "GET" : request.method.rawValue
            let route = try Route(method: method, target: request.head.path ?? "")
            name = route.pattern
            return (name, try await answer(to: request, route))
        } catch {
            let isMessage = request.uri.path.hasPrefix("/v1/messages")
            return (name, isMessage ? .messageFailure(error) : .failure(error))
        }
    }

    private func answer(to request: Request, _ route: Route) async throws(APIError) -> Answer {
        switch route {
        case .health:
            guard await store.isHealthy() else { throw APIError(503, "the database does not answer") }
            return Self.whole("ok\n", type: "text/plain")
        case .document: return Self.whole(OpenAPIDocument.text, type: "application/json")
        default: break
        }
        let key = try GatewayKey.digest(
            authorization: request.headers[.authorization], apiKey: Self.apiKey.flatMap { request.headers[$0] })
        switch route {
        case .health, .document, .models, .model: return try await models(route, key)
        case .uploadFile: return try await upload(request, key)
        case .files(let query): return try await files(query, key)
        case .file(let id): return .object(try await file(id, key).object)
        case .deleteFile(let id): return try await delete(id, key)
        case .fileContent(let id): return try await content(id, key)
        case .createBatch: return try await createBatch(request, key)
        case .batches(let query): return try await batches(query, key)
        case .batch(let id): return .object(try await batch(id, key).object)
        case .cancelBatch(let id):
            try await store.cancel(key, id)
            return .object(try await batch(id, key).object)
        case .messages(let route): return try await messages(route, request, key)
        case .direct(let kind): return try await direct(kind, request, key)
        }
    }

    private static func whole(_ text: String, type: String) -> Answer {
        .text(type: type) { @concurrent writer in try await writer.write(ByteBuffer(string: text)) }
    }

    private static let apiKey = HTTPField.Name("x-api-key")

    private static let directPaths: Set = ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings"]

    private func models(_ route: Route, _ key: String) async throws(APIError) -> Answer {
        let models = try await store.models(key)
        guard case .model(let name) = route else {
            return .object(
                [
                    "object": "list",
                    "data": .array(models.map { ListObject.model($0.name, createdAt: $0.createdAt) }),
                ])
        }
        guard let model = models.first(where: { $0.name == name }) else {
            throw APIError(
                404, "the model \(name) does not exist", code: "model_not_found", param: "model")
        }
        return .object(ListObject.model(model.name, createdAt: model.createdAt))
    }

    /// The whole body of a request that is not an upload.
    func body(of request: Request) async throws(APIError) -> [UInt8] {
        let tooLarge = APIError(413, "the body has more than \(settings.bodyBytes) bytes")
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > settings.bodyBytes
        {
            throw tooLarge
        }
        var bytes: [UInt8] = []
        do {
            for try await buffer in request.body {
                metrics.received(buffer.readableBytes)
                bytes += buffer.readableBytesView
                guard bytes.count <= settings.bodyBytes else { throw tooLarge }
            }
        } catch let error as APIError {
            throw error
        } catch {
            throw .invalid("the body ended early")
        }
        return bytes
    }
}
#endif
