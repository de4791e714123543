import Foundation
import FoundationNetworking
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Actions of the page, as a browser without scripts sends them.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct PageActionTests {
    /// Keeps no cookies and follows no redirect: both are in the tests' hands.
    private final class Redirects: NSObject, URLSessionTaskDelegate, Sendable {
        func urlSession(
            _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
            newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
        ) { completionHandler(nil) }
    }

    private struct Browser {
        let base: String
        var cookie: String?
        let session: URLSession = {
            let configuration = URLSessionConfiguration.ephemeral
            configuration.httpShouldSetCookies = false
            configuration.httpCookieAcceptPolicy = .never
            return URLSession(configuration: configuration, delegate: Redirects(), delegateQueue: nil)
        }()

        func send(_ path: String, form: String? = nil, site: String? = nil) async throws
            -> (status: Int, cookie: String?, body: String)
        {
            var request = URLRequest(url: try #require(URL(string: base + path)))
            if let form {
                request.httpMethod = "POST"
                request.httpBody = Data(form.utf8)
                request.setValue("application/x-www-form-urlencoded", forHTTPHeaderField: "Content-Type")
            }
            if let cookie { request.setValue(cookie, forHTTPHeaderField: "Cookie") }
            if let site { request.setValue(site, forHTTPHeaderField: "Sec-Fetch-Site") }
            let (data, response) = try await session.data(for: request)
            let answer = try #require(response as? HTTPURLResponse)
            return (answer.statusCode, answer.value(forHTTPHeaderField: "Set-Cookie"), String(decoding: data, as: UTF8.self))
        }
    }

    private func token(_ html: String) throws -> String {
        String(try #require(html.firstMatch(of: #/name="token" value="([0-9a-f]{64})"/#)).1)
    }

    @Test func onlyASignedInOperatorActs() async throws {
        let port = try GatewayScene.freePort()
        let gateway = try await GatewayScene(["front.listen": "127.0.0.1:\(port)", "front.database": ""], pageRole: true)
        let database = gateway.scene.database
        let key = try await GatewayScene.newKey(gateway.scene, ["--scope", "operate"])
        try await database.run(
            script: """
                SELECT moed.enqueue('q', tenant => 'app') FROM generate_series(1, 3);
                UPDATE moed.job SET state = 'failed', finished_at = now();
                INSERT INTO moed.job_result (job_id, lease_token, error_code, error_message) SELECT id, 0, 'c&d', 'm' FROM moed.job;
                SELECT moed.import_batch('b', '{"custom_id":"1","body":{"messages":[]}}', tenant => 'app')
                """)
        var browser = Browser(base: "http://127.0.0.1:\(port)")
        let stranger = try await browser.send("/")
        #expect(stranger.body.contains("/login") && !stranger.body.contains("<form"))
        for form in ["action=pause&kind=all", "token=&action=pause&kind=all"] {
            #expect(try await browser.send("/act", form: form).status == 403)
        }
        // A key of the API does not open the page.
        #expect(try await browser.send("/login", form: "key=\(gateway.key)").status == 403)
        #expect(try await browser.send("/login", form: "key=nobody").status == 401)
        #expect(try await browser.send("/login", form: "key=\(key)", site: "cross-site").status == 403)
        let signedIn = try await browser.send("/login", form: "key=\(key)")
        let cookie = try #require(signedIn.cookie)
        #expect(signedIn.status == 303 && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"))
        browser.cookie = String(cookie.prefix { $0 != ";" })
        let token = try token(try await browser.send("/").body)
        // Another site has the cookie at most, never the token.
        #expect(try await browser.send("/act", form: "action=pause&kind=all").status == 403)
        #expect(try await browser.send("/act", form: "token=\(token)&action=pause&kind=all", site: "same-site").status == 403)
        #expect(try await database.value("SELECT count(*) AS value FROM moed.control WHERE paused_at IS NULL") == 1)

        func act(_ form: String) async throws -> String {
            #expect(try await browser.send("/act", form: "token=\(token)&\(form)", site: "same-origin").status == 303)
            return try await browser.send("/").body
        }
        #expect(try await act("action=redrive&name=c%26d").contains("redrive c&amp;d: 3 jobs are queued again."))
        #expect(try await database.value("SELECT count(*) AS value FROM moed.job WHERE state = 'queued'") == 4)
        #expect(try await act("action=pause&kind=tenant&name=app").contains("<li>tenant app "))
        #expect(try await act("action=resume&kind=tenant&name=app").contains("0 pauses are in force."))
        #expect(try await act("action=pause&kind=tenant&name=nobody").contains("failed: there is no tenant"))
        #expect(try await act("action=drop").contains("failed: there is no such action"))
        let batch: String = try #require(try await database.value("SELECT id::text AS value FROM moed.batch"))
        #expect(try await act("action=cancel&name=\(batch)").contains("1 jobs were cancelled."))

        // A revoked key ends what its session may do.
        try await database.run(script: "SELECT moed.revoke_key(id) FROM moed.api_key WHERE 'operate' = ANY (scopes)")
        #expect(try await act("action=pause&kind=all").contains("was revoked"))
        #expect(try await database.value("SELECT count(*) AS value FROM moed.control WHERE paused_at IS NULL") == 1)
        #expect(try await browser.send("/logout", form: "token=\(token)").status == 303)
        #expect(try await browser.send("/act", form: "token=\(token)&action=pause&kind=all").status == 403)
        try await gateway.close()
    }

    /// The gateway counts its requests by the names of the document, whatever the path.
    @Test func theGatewayShowsItsMetrics() async throws {
        let port = try GatewayScene.freePort()
        let gateway = try await GatewayScene(["front.listen": "127.0.0.1:\(port)", "front.database": ""], pageRole: true)
        _ = try await gateway.request("GET", "/models")
        _ = try await gateway.request("GET", "/nothing/\(UUID())")
        let form = GatewayScene.form("{}\n")
        _ = try await gateway.request("POST", "/files", body: form.body, headers: form.headers)
        let browser = Browser(base: "http://127.0.0.1:\(port)")
        let text = try await browser.send("/metrics").body
        for line in [
            "moed_gateway_requests_total{route=\"GET /v1/models\",status=\"200\"} 1",
            "moed_gateway_requests_total{route=\"none\",status=\"404\"} 1",
            "moed_gateway_request_seconds_count{route=\"POST /v1/files\"} 1",
            "moed_gateway_received_bytes_total \(form.body.utf8.count)", "moed_gateway_streams_open 0",
        ] {
            #expect(text.contains(line), "\(line) in \(text)")
        }
        try await gateway.close()
    }
}
