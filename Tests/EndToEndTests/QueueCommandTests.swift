import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Commands over the queue, through the program.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct QueueCommandTests {
    private func run(
        _ scene: Scene, _ arguments: [String], input: String = ""
    ) async throws -> (status: Int32, output: String, errors: String) {
        try await MoedProgram.run(arguments + ["--database", scene.database.conninfo], input: input)
    }

    private func trimmed(_ text: String) -> String { text.trimmingCharacters(in: .whitespacesAndNewlines) }

    @Test func aFileIsImportedOnceAndExportedAsSQLDoes() async throws {
        let scene = try await Scene()
        let folder = try TemporaryFolder()
        try folder.write("in.jsonl", Array(GatewayTests.file.utf8))
        let path = folder.path("in.jsonl")
        let first = try await run(scene, ["import", path, "--tenant", "app", "--window", "2h"])
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.errors.contains("42 lines, 1 of them at fault"))
        let batch = trimmed(first.output)
        let again = try await run(scene, ["import", path, "--tenant", "app", "--window", "2h"])
        #expect(trimmed(again.output) == batch && again.errors.contains("was imported before"))
        let input = try await run(scene, ["import", "-", "--name", "other", "--json"], input: GatewayTests.file)
        #expect(try JSONValue(parsing: input.output)["lines"] == 42)
        #expect(try await scene.count("tenant = 'app'") == 41)
        #expect(try await scene.count("tenant = 'default'") == 41)
        let cancelled = try await run(scene, ["cancel", "--tenant", "default", "--json"])
        #expect(try JSONValue(parsing: cancelled.output)["jobs"] == 41)
        try await scene.drain()
        let exported = try await run(scene, ["export", batch, "--wait"])
        let expected = try await scene.database.query("SELECT moed.export_batch(\(batch)::uuid) AS line")
        #expect(exported.output == (try expected.map { try $0.value("line", as: String.self) + "\n" }.joined()))
        #expect(try await scene.accountingFaults() == [])
    }

    /// Half of the parts are in the database, as after a kill: the command adds the rest.
    @Test func anInterruptedImportIsContinued() async throws {
        let scene = try await Scene()
        let folder = try TemporaryFolder()
        let line = #"{"custom_id": "#
        let text = (0..<3000).map { number in
            "\(line)\"\(number)\", \"body\": {\"messages\": [{\"role\": \"user\", \"content\": \"\(String(repeating: "x", count: 200))\"}]}}\n"
        }.joined()
        try folder.write("in.jsonl", Array(text.utf8))
        let stopped = try await run(scene, ["import", folder.path("in.jsonl"), "--json"])
        let whole = try JSONValue(parsing: stopped.output)
        #expect(whole["lines"] == 3000)
        // The state after the first part, made from the whole one.
        try await scene.database.run(
            script: """
                WITH first AS (SELECT b.id FROM moed.batch b)
                INSERT INTO moed.batch_import (batch_id, next_part, lines) SELECT id, 1, (
                  SELECT max(line) FROM moed.batch_line l JOIN moed.job j ON j.id = l.job_id
                   WHERE j.created_at = (SELECT min(created_at) FROM moed.job)) FROM first;
                DELETE FROM moed.batch_line WHERE line > (SELECT lines FROM moed.batch_import);
                DELETE FROM moed.job WHERE created_at > (SELECT min(created_at) FROM moed.job);
                UPDATE moed.batch SET sealed_at = NULL
                """)
        let before = try await scene.count("true")
        #expect((1..<3000).contains(before))
        let continued = try await run(scene, ["import", folder.path("in.jsonl"), "--json"])
        #expect(continued.errors.contains("after part 1"), "\(continued.errors)")
        #expect(try JSONValue(parsing: continued.output) == whole)
        #expect(try await scene.count("true") == 3000)
    }

    @Test func jobsAreShownExplainedAndChanged() async throws {
        let scene = try await Scene()
        try await scene.database.run(
            script: "SELECT moed.enqueue(prompt => 'What is 1 + ' || i || '?', max_tokens => 40, tenant => 'app', seed => 1) FROM generate_series(1, 3) i")
        #expect(try await run(scene, ["status"]).output.contains("no worker is alive"))
        #expect(try await run(scene, ["why", "1"]).output.contains("no worker is alive"))
        #expect(try await run(scene, ["cancel", "3"]).status == 0)
        let paused = try await run(scene, ["pause", "--tenant", "app"])
        #expect(paused.output == "tenant “app” is paused; pauses in force: 1\n")
        #expect(try await run(scene, ["status"]).output.contains("tenant app"))
        #expect(try await run(scene, ["resume", "--tenant", "app"]).status == 0)
        #expect(try await run(scene, ["pause", "--tenant", "nobody"]).status == 1)
        try await scene.drain()
        #expect(try await run(scene, ["cancel", "1"]).status == 1)
        let listed = try await run(scene, ["jobs", "--state", "succeeded", "--json"])
        let jobs = try listed.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(jobs.map { $0["id"] } == [2, 1])
        let shown = try JSONValue(parsing: try await run(scene, ["show", "1", "--json"]).output)
        #expect(shown["attempts"]?.array?.first?["outcome"] == "succeeded")
        #expect(shown["content"] == nil)
        #expect(try await run(scene, ["show", "1", "--bodies"]).output.contains("What is 1 + 1?"))
        #expect(try await run(scene, ["show", "99"]).status == 1)
        let usage = try JSONValue(parsing: try await run(scene, ["usage", "--by", "tenant", "--json"]).output)
        let sum: Int64? = try await scene.database.value("SELECT sum(total_tokens)::bigint AS value FROM moed.jobs WHERE state = 'succeeded'")
        #expect(usage["tenant"] == "app" && usage["total_tokens"]?.integer == sum.map { Int($0) })
        #expect(try await run(scene, ["redrive", "--tenant", "app"]).output == "1 job is queued again\n")
        #expect(try await run(scene, ["usage", "--by", "colour"]).status == 1)
        let status = try JSONValue(parsing: try await run(scene, ["status", "--json"]).output)
        #expect(status["queue"]?.array?.first?["jobs"] == 1)
    }

    @Test func mistypedCommandsAreCorrected() async throws {
        let result = try await MoedProgram.run(["statsu"])
        #expect(result.status == 64 && result.errors.contains("did you mean “status”?"))
        let other = try await MoedProgram.run(["frobnicate"])
        #expect(other.status == 64 && !other.errors.contains("did you mean"))
    }
}
