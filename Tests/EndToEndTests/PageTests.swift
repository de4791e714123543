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

    /// The texts of all cells of a section's tables, a row each.
    private func rows(_ html: String, _ section: String) throws -> [[String]] {
        let start = try #require(html.range(of: "<section id=\"\(section)\">"), "\(section)")
        let rest = html[start.upperBound...]
        let part = rest[..<(rest.range(of: "</section>")?.lowerBound ?? rest.endIndex)]
        return part.matches(of: #/<tr>(.*?)</tr>/#).dropFirst().map { row in
            row.1.matches(of: #/<td[^>]*>(.*?)</td>/#).map { cell in
                String(cell.1.replacing(#/<[^>]*>/#, with: ""))
            }
        }
    }

    /// A result in the form of the page's cells.
    private func cells(_ database: TestDatabase, _ select: SQL) async throws -> [[String]] {
        let rows = try await database.query(
            """
            SELECT array_to_json(ARRAY(SELECT coalesce(v.value, '–') FROM json_each_text(to_json(q)) AS v))::text AS row
              FROM (\(select)) q
            """)
        return try rows.map { row in
            let text: String = try row.value("row")
            return try JSONValue(parsing: text).array?.compactMap(\.string) ?? []
        }
    }

    /// Every figure is that of SQL.
    @Test func thePageShowsWhatSQLShows() async throws {
        let port = try GatewayScene.freePort()
        let scene = try await Scene()
        let gateway = try await GatewayScene(
            ["front.listen": "127.0.0.1:\(port)", "front.database": ""], scene: scene, pageRole: true)
        let database = scene.database
        let seed = try String(contentsOf: Fixtures.packageRoot.appending(path: "Tests/Page/seed.sql"), encoding: .utf8)
        try await database.run(script: seed.replacing(#/\\g \/dev\/null/#, with: ";").replacing("100000", with: "4000"))
        try await database.run(
            script: """
                SELECT moed.enqueue(prompt => 'my-secret-prompt', tenant => 'app<i>') FROM generate_series(1, 3);
                SELECT moed.cancel((SELECT max(id) FROM moed.job));
                SELECT moed.add_sample()
                """)
        let page = try await get("http://127.0.0.1:\(port)/")
        #expect(page.status == 200 && page.policy?.contains("default-src 'none'") == true)
        #expect(page.body.contains("app&lt;i&gt;") && !page.body.contains("my-secret-prompt"))
        let open: SQL = """
            SELECT model, mode, state, sum(jobs) FROM moed.queue_stats WHERE state IN ('queued', 'scheduled', 'running')
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            """
        #expect(try rows(page.body, "queue").map { Array($0.prefix(4)) } == (try await cells(database, open)))
        let left: SQL = """
            SELECT replace(replace(tenant, '<', '&lt;'), '>', '&gt;'), model, sum(waiting), sum(running) FROM moed.progress
             WHERE waiting + running > 0 GROUP BY tenant, model ORDER BY sum(waiting + running) DESC, 1, 2 LIMIT 50
            """
        #expect(try rows(page.body, "backlog").map { Array($0.prefix(4)) } == (try await cells(database, left)))
        let batches: SQL = """
            SELECT id, name, tenant, CASE WHEN unfinished > 0 THEN 'in_progress' ELSE 'ended' END, lines, unfinished, completed, failed,
                   cancelled, line_errors, prompt_tokens, completion_tokens FROM moed.batches ORDER BY created_at DESC, id LIMIT 50
            """
        #expect(try rows(page.body, "batches").map { Array($0.prefix(12)) } == (try await cells(database, batches)))
        let failures: SQL = """
            SELECT error_code, count(*), max(id) FROM moed.jobs WHERE state = 'failed' AND finished_at > now() - interval '7 days'
             GROUP BY 1 ORDER BY 2 DESC, 1
            """
        #expect(try rows(page.body, "failures").map { Array($0.prefix(3)) } == (try await cells(database, failures)))
        #expect(try rows(page.body, "workers").map { $0[1] } == ["gpu-1/1001", "gpu-2/1002", "gpu-3/1003", "gpu-4/1004"])
        #expect(try rows(page.body, "endpoints").count == 8)
        let hours: SQL = """
            SELECT count(*), sum(prompt_tokens), sum(cached_tokens), sum(completion_tokens), sum(wasted_tokens), sum(succeeded),
                   sum(failed), sum(cancelled), max(queued), max(running) FROM moed.minute_sample
             WHERE at > date_trunc('hour', now() - interval '23 hours')
             GROUP BY date_trunc('hour', at - interval '1 minute') ORDER BY date_trunc('hour', at - interval '1 minute')
            """
        // An hour may end between both.
        let isEqual = try await eventually {
            let page = try await get("http://127.0.0.1:\(port)/").body
            return try rows(page, "history").map { Array($0.dropFirst()) } == (try await cells(database, hours))
        }
        #expect(isEqual)
        let last: Int64 = try #require(try await database.value("SELECT max(id) AS value FROM moed.job"))
        let job = try await get("http://127.0.0.1:\(port)/job/\(last)")
        #expect(job.status == 200 && job.body.contains("<dt>state</dt><dd>cancelled</dd>") && !job.body.contains("my-secret"))
        #expect(try await get("http://127.0.0.1:\(port)/style.css").body.contains("prefers-color-scheme"))
        for path in ["/job/99999999", "/job/x", "/nothing", "/v1/models"] {
            #expect(try await get("http://127.0.0.1:\(port)\(path)").status == 404, "\(path)")
        }
        try await gateway.close()
    }
}
