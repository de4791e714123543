import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Counts of endpoints with api: chat: what is not told is NULL in the ledger, and no sum guesses it.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ToldUsageTests {
    private static func complete(_ queue: Queue, _ told: [ToldUsage?]) async throws {
        let worker = try await queue.worker()
        try await queue.add(told.count)
        let backlog = try await queue.store.backlog(models: ["default"])
        let claimed = try await queue.store.claim(
            worker, try #require(backlog.first), limit: told.count, room: RequestRoom(bodyMax: 1 << 20, bytes: 1 << 20),
            maxWait: nil, computedBy: nil)
        let completions = zip(claimed, told).map { job, told in
            var completion = JobCompletion(job.lease)
            if let told { (completion.told, completion.usage) = (told, Usage()) }
            return completion
        }
        let dispositions = try await queue.store.complete(completions)
        #expect(dispositions.allSatisfy { $0 == .committed })
    }

    private static func rows(_ queue: Queue, _ columns: String, _ view: String) async throws -> [String] {
        try await queue.database.run(
            script: "SELECT concat_ws(' ', \(columns)) AS value FROM \(view)"
        ).map { try $0.value("value", as: String.self) }
    }

    @Test func whatIsNotToldIsNull() async throws {
        let queue = try await Queue()
        try await Self.complete(
            queue, [nil, ToldUsage(prompt: 7, cached: 2, completion: 9, reasoning: 4), ToldUsage(completion: 9), ToldUsage()])
        let columns = ["prompt", "cached", "thinking", "injected", "answer", "completion", "total"]
            .map { "coalesce(\($0)_tokens::text, '-')" }.joined(separator: ", ")
        #expect(try await Self.rows(queue, columns, "moed.jobs ORDER BY id") == [
            "5 1 3 2 4 9 14", "7 2 4 0 5 9 16", "- - - - - 9 -", "- - - - - - -",
        ])
        let sources = try await Self.rows(queue, "source, told_completion_tokens", "moed.token_ledger ORDER BY job_id")
        #expect(sources == ["counted", "usage 9", "usage 9", "usage"])
        #expect(try await Self.rows(queue, "jobs, prompt_tokens, completion_tokens, total_tokens", "moed.usage_daily") == ["4 12 27 30"])
        // The tenant's share and budget count what is known.
        #expect(try await Self.rows(queue, "sum(billed_tokens), sum(served_tokens)", "moed.usage_delta") == ["39 39"])
        try await queue.database.run(script: "INSERT INTO moed.price (model, prompt, cached, completion) VALUES ('default', 1, 1, 1)")
        #expect(try await Self.rows(queue, "jobs, trim_scale(cost), jobs_without_price", "moed.cost_daily") == ["4 0.00003 2"])
        await queue.close()
    }

    /// A counted row without a count is refused: only an endpoint may leave one out.
    @Test func aCountedRowIsComplete() async throws {
        let queue = try await Queue()
        try await Self.complete(queue, [nil])
        for change in ["prompt_tokens = NULL", "answer_tokens = NULL", "told_completion_tokens = 1", "source = 'guessed'"] {
            await #expect(throws: DatabaseError.self) {
                try await queue.database.run(script: "UPDATE moed.token_ledger SET \(change)")
            }
        }
        await queue.close()
    }
}
