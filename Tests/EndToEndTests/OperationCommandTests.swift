import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// `moed top`, `prune`, `doctor` and `plan --database`, through the program.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct OperationCommandTests {
    private func run(_ scene: Scene, _ arguments: [String]) async throws -> (status: Int32, output: String, errors: String) {
        try await MoedProgram.run(arguments + ["--database", scene.database.conninfo])
    }

    @Test func topFallsBackToOneScreen() async throws {
        let scene = try await Scene()
        try await scene.database.run(script: "SELECT moed.enqueue(prompt => 'x')")
        let screen = try await run(scene, ["top"])
        // The age of the job may have changed meanwhile.
        let status = try await run(scene, ["status"])
        func heads(_ text: String) -> [Substring] { text.split(separator: "\n").filter { !$0.hasPrefix(" ") && !$0.hasPrefix("oldest") } }
        #expect(screen.status == 0 && heads(screen.output) == heads(status.output))
        #expect(!screen.output.contains("\u{1B}"))
        let lines = try await run(scene, ["top", "--screens", "2", "--every", "100ms", "--json"])
        let objects = try lines.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(objects.count == 2 && objects.allSatisfy { $0["queue"]?.array?.first?["jobs"] == 1 })
        #expect(try await run(scene, ["top", "--every", "soon"]).status == 64)
    }

    @Test func oldJobsArePruned() async throws {
        let scene = try await Scene()
        try await scene.database.run(
            script: """
                SELECT moed.enqueue(prompt => 'x') FROM generate_series(1, 5);
                SELECT moed.cancel(id) FROM moed.job WHERE id < 5;
                UPDATE moed.job SET finished_at = finished_at - interval '2 d' WHERE id < 4
                """)
        let dry = try await run(scene, ["prune", "--older-than", "1d", "--dry-run"])
        #expect(dry.output == "3 jobs would be deleted\n", "\(dry)")
        #expect(try await scene.count("true") == 5)
        #expect(try await run(scene, ["prune", "--older-than", "1d", "--limit", "1"]).output == "1 job is deleted\n")
        let rest = try JSONValue(parsing: try await run(scene, ["prune", "--older-than", "1d", "--json"]).output)
        #expect(rest == ["action": "prune", "jobs": 2, "dry_run": false])
        #expect(try await scene.count("true") == 2)
        #expect(try await run(scene, ["prune", "--older-than", "soon"]).status == 64)
    }

    /// The bundle has figures of every part, and nothing that somebody wrote.
    @Test func theBundleHasNoSecrets() async throws {
        let scene = try await Scene()
        try await scene.database.run(
            script: """
                SELECT moed.enqueue(prompt => 'my-secret-prompt', system => 'my-secret-system', tenant => 'my-secret-tenant');
                SELECT moed.enqueue(prompt => 'x', params => '{"n": "my-secret-value"}', max_tokens => 4)
                """)
        try await scene.drain()
        let bundle = try await run(scene, ["doctor", "--set", "queue.lease=31s", "--json"])
        #expect(bundle.status == 0, "\(bundle.errors)")
        let object = try #require(try JSONValue(parsing: bundle.output).object)
        for title in [
            "program", "settings", "database", "settings of the database", "migrations", "health", "workers", "queue",
            "attempts of a day", "failures of a week", "models", "tables", "old transactions",
        ] {
            let rows = try #require(object[title]?.array, "\(title)")
            #expect(rows.allSatisfy { $0["error"] == nil }, "\(title): \(rows)")
        }
        #expect(object["failures of a week"]?.array?.first?["error_code"] == "invalid_value")
        #expect(object["settings"]?.array?.contains { $0["key"] == "queue.lease" && $0["value"] == "31s" } == true)
        #expect(!bundle.output.contains("my-secret"))
        let text = try await MoedProgram.run(["doctor", "--database", "host=/nowhere password=my-secret dbname=x"])
        #expect(text.status == 0 && text.output.contains("error") && !text.output.contains("my-secret"), "\(text)")
        #expect(text.output.contains("database.url") && text.output.contains("(not shown)"))
    }

    /// Reports work under each role that the documents name, and a client sees its own jobs alone.
    @Test(arguments: ["moed_reader", "moed_operator", "moed_client"])
    func reportsNeedNoOtherRights(group: String) async throws {
        let scene = try await Scene()
        let database = scene.database
        let migration = try await MoedProgram.run(["migrate", "--roles", "--database", database.conninfo])
        #expect(migration.status == 0, "\(migration.errors)")
        let role = "\(database.name)_\(group.suffix(6))"
        try await database.run(
            script: """
                CREATE ROLE \(role) LOGIN; GRANT \(group) TO \(role);
                SELECT moed.enqueue(prompt => 'x', tenant => 'own');
                SELECT moed.enqueue(prompt => 'y', tenant => 'other');
                UPDATE moed.tenant SET db_role = '\(role)' WHERE name = 'own' AND '\(group)' = 'moed_client';
                SELECT moed.cancel(1)
                """)
        let conninfo = "host=\(database.host) dbname=\(database.name) user=\(role)"
        for command in [["status"], ["top"], ["jobs"], ["show", "1"], ["why", "1"], ["usage"], ["doctor"]] {
            let result = try await MoedProgram.run(command + ["--database", conninfo])
            #expect(result.status == 0, "\(command): \(result.errors)")
            #expect(command == ["doctor"] || !(result.output + result.errors).contains("denied"), "\(command): \(result)")
        }
        let jobs = try await MoedProgram.run(["jobs", "--json", "--database", conninfo])
        #expect(jobs.output.split(separator: "\n").count == (group == "moed_client" ? 1 : 2))
        try await database.run(script: "UPDATE moed.tenant SET db_role = NULL; DROP OWNED BY \(role); DROP ROLE \(role)")
    }

    @Test func whatIsQueuedIsPlanned() async throws {
        let scene = try await Scene()
        let empty = try await run(scene, ["plan"])
        #expect(empty.output == "nothing waits or runs\n", "\(empty)")
        try await scene.database.run(
            script: "SELECT moed.enqueue(prompt => 'What is 1 + 2?', max_tokens => 40, tenant => 'app', seed => 1) FROM generate_series(1, 3)")
        let guess = try JSONValue(parsing: try await run(scene, ["plan", "--json"]).output)
        #expect(guess["classes"]?.array?.first?["basis"] == "limit" && guess["total"]?["waiting"] == 3)
        #expect(guess["total"]?["seconds_left"] == nil && guess["total"]?["cost"] == nil)
        try await scene.drain()
        let usage = try #require(
            try await scene.database.query(
                "SELECT sum(prompt_tokens)::bigint AS prompt, sum(completion_tokens)::bigint AS completion FROM moed.token_ledger WHERE kind = 'final'"
            ).first)
        let (prompt, completion): (Int, Int) = (try usage.value("prompt"), try usage.value("completion"))
        try await scene.database.run(
            script: """
                SELECT moed.enqueue(prompt => 'What is 1 + 2?', max_tokens => 40, tenant => 'app', seed => 1) FROM generate_series(1, 6);
                INSERT INTO moed.price (model, prompt, cached, completion) VALUES ('default', 1000000, 1000000, 2000000);
                INSERT INTO moed.worker (host, pid, version, models, expires_at, tokens_per_second)
                VALUES ('test', 1, '0', ARRAY[1], now() + interval '1 h', 2)
                """)
        let plan = try JSONValue(parsing: try await run(scene, ["plan", "--json"]).output)
        #expect(plan["classes"]?.array?.first?["basis"] == "history")
        #expect(plan["total"]?["prompt_tokens"]?.integer == 2 * prompt && plan["total"]?["completion_tokens"]?.integer == 2 * completion)
        #expect(plan["total"]?["seconds_left"]?.integer == completion)
        #expect(plan["total"]?["cost"]?.number == Double(2 * prompt + 4 * completion))
        let text = try await run(scene, ["plan"])
        #expect(text.output.contains("time left: about") && text.output.contains("cost: \(2 * prompt + 4 * completion)"), "\(text.output)")
        #expect(try await run(scene, ["plan", "--model", "/x"]).status == 64)
    }
}
