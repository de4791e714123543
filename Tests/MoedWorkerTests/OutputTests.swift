import MoedCore
import MoedWorker
import MoedPostgres
import MoedQueue
import MoedWorker
import TestSupport
import Testing

/// T21: model outputs that PostgreSQL's text type cannot hold.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct OutputTests {
    private static let long = String(repeating: "word ", count: 100_000)

    @Test(arguments: [
        ("a\0b", "a\u{FFFD}b"), ("cut short \u{FFFD}", "cut short \u{FFFD}"), (long, long), ("", ""),
        ("\"\\\u{1}\u{7F}\u{2028}😀\r\n", "\"\\\u{1}\u{7F}\u{2028}😀\r\n"),
    ])
    func everyOutputIsStoredAndExported(output: String, stored: String) async throws {
        let database = try await TestDatabase.create()
        let migrator = try await Migrator.connect(conninfo: database.conninfo)
        _ = try await migrator.apply()
        await migrator.close()
        let batch: String = try #require(
            try await database.value(
                """
                SELECT moed.import_batch('odd', '{"custom_id":"c","body":{"messages":[{"role":"user","content":"x"}]}}')::text
                  AS value
                """))
        let store = try await JobStore.connect(conninfo: database.conninfo)
        let worker = try await store.registerWorker(
            WorkerRegistration(
                host: "test", pid: 1, version: "0", models: ["default"], lease: .seconds(3600)))
        let backlog = try #require(try await store.backlog(models: ["default"]).first)
        let job = try #require(try await store.claim(worker, backlog, limit: 1).first)

        var jobs = RunningJobs(modelName: "m")
        jobs.claimed(job, at: .zero)
        var usage = Usage()
        (usage.prompt, usage.answer) = (1, 100_000)
        let choice = GenerationChoice(
            index: 0, content: output, reasoning: output, finishReason: .length, outputIDs: [1])
        jobs.finished(
            job.id, GenerationResult(choices: [choice], usage: usage, seed: 1), at: .seconds(1), unixTime: 1)
        #expect(try await store.complete(jobs.completions) == [.committed])

        // As text a column takes all but NUL; as JSON nothing is lost.
        let row = try #require(
            try await database.query("SELECT state, content, reasoning FROM moed.jobs").first)
        #expect(try row.value("state") == "succeeded")
        #expect(try row.value("content") == stored && row.value("reasoning") == stored)
        let line: String = try #require(
            try await database.value("SELECT * FROM moed.export_batch(\(batch)::uuid) AS e(value)"))
        let message = try JSONValue(parsing: line)["response"]?["body"]?["choices"]?.array?.first?["message"]
        #expect(message?["content"]?.string == output)
        #expect(message?["reasoning_content"]?.string == output)
        await store.close()
        await database.close()
    }
}
