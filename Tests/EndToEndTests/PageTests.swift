import Foundation
import FoundationNetworking
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// The page of `front.listen`, over HTTP.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct PageTests {
    private func get(_ url: String) async throws -> (status: Int, policy: String?, body: String) {
        let (data, response) = try await URLSession.shared.data(from: try #require(URL(string: url)))
        let answer = try #require(response as? HTTPURLResponse)
        return (
            answer.statusCode, answer.value(forHTTPHeaderField: "Content-Security-Policy"), String(decoding: data, as: UTF8.self)
        )
    }

    /// Every figure is that of SQL.
    @Test func thePageShowsWhatSQLShows() async throws {
        let port = try GatewayScene.freePort()
        let scene = try await Scene()
        let gateway = try await GatewayScene(
            ["front.listen": "127.0.0.1:\(port)", "front.database": ""], scene: scene, pageRole: true)
        let database = scene.database
        try await database.run(
            script: """
                SELECT moed.enqueue(prompt => 'my-secret-prompt', tenant => 'app<i>') FROM generate_series(1, 3);
                SELECT moed.import_batch('night', '{"custom_id": "a", "body": {"messages": [{"role": "user", "content": "q"}], "n": -1}}');
                SELECT moed.cancel(2)
                """)
        let page = try await get("http://127.0.0.1:\(port)/")
        #expect(page.status == 200 && page.policy?.contains("default-src 'none'") == true)
        #expect(page.body.contains("app&lt;i&gt;") && page.body.contains("night") && !page.body.contains("my-secret-prompt"))
        let queued: Int64? = try await database.value("SELECT sum(jobs)::bigint AS value FROM moed.queue_stats WHERE state = 'queued'")
        #expect(queued == 3 && page.body.contains("<td>queued</td><td class=\"number\">3</td>"), "\(page.body)")
        let job = try await get("http://127.0.0.1:\(port)/job/2")
        #expect(job.status == 200 && job.body.contains("<dt>state</dt><dd>cancelled</dd>") && !job.body.contains("my-secret"))
        #expect(try await get("http://127.0.0.1:\(port)/style.css").body.contains("prefers-color-scheme"))
        for path in ["/job/99", "/job/x", "/nothing", "/v1/models"] {
            #expect(try await get("http://127.0.0.1:\(port)\(path)").status == 404, "\(path)")
        }
        try await gateway.close()
    }
}
