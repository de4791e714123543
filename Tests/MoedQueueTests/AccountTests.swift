import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Accounts, prices and answers name what ran beside what was asked for.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct AccountTests {
    private static let origin = RunnerOrigin(
        digest: "0123456789abcdef", model: "served", formats: "experts bf16, dense bf16, keys and values f32",
        details: JSONObject([("weights", "abc")]))
    private static let computation = Computation(mode: .thinking, model: "served", origin: origin.digest)

    private func text(_ queue: Queue, _ sql: SQL) async throws -> [String] {
        try await queue.database.query(sql).map { try $0.value("text") }
    }

    private func ledger(_ queue: Queue) async throws -> [String] {
        try await text(
            queue,
            """
            SELECT concat_ws(' ', l.job_id, l.kind, m.name, l.mode, l.thinking_tokens, l.answer_tokens, a.name,
                             l.asked_mode, o.digest) AS text
              FROM moed.token_ledger l JOIN moed.model m ON m.id = l.model_id LEFT JOIN moed.model a ON a.id = l.asked_model_id
              LEFT JOIN moed.origin o ON o.id = l.origin_id ORDER BY l.job_id, l.lease_token, l.kind
            """)
    }

    private func served() async throws -> (Queue, WorkerID) {
        let queue = try await Queue()
        let worker = try await queue.worker(models: ["served", "default"])
        try await queue.store.registerOrigin(Self.origin)
        return (queue, worker)
    }

    @Test func anAnswerNamesWhatComputedIt() async throws {
        let (queue, worker) = try await served()
        try await queue.store.registerOrigin(Self.origin)
        let id = try await queue.add(1)[0]
        let lease = try await queue.store.claim(worker, Queue.jobClass, limit: 1)[0].lease
        var completion = JobCompletion(lease)
        completion.computation = Self.computation
        #expect(try await queue.store.complete([completion]) == [.committed])
        #expect(
            try await ledger(queue) == ["\(id) final served thinking 3 4 default non_thinking 0123456789abcdef"])
        #expect(
            try await text(queue, "SELECT concat_ws(' ', mode, model, computed_by) AS text FROM moed.jobs") == [
                "thinking default served (experts bf16, dense bf16, keys and values f32) 0123456789abcdef"
            ])
        #expect(try await text(queue, "SELECT mode::text AS text FROM moed.job") == ["non_thinking"])
        #expect(
            try await text(queue, "SELECT model || ' ' || mode AS text FROM moed.usage_daily") == ["served thinking"])
        #expect(
            try await text(queue, "SELECT count(*) || ' ' || min(details ->> 'weights') AS text FROM moed.origin")
                == ["1 abc"])
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func thePriceOfTheModelThatRanHolds() async throws {
        let (queue, worker) = try await served()
        try await queue.database.query("INSERT INTO moed.price VALUES ('served', '-infinity', 1000000, 0, 0)")
        try await queue.add(2)
        for (index, lease) in try await queue.store.claim(worker, Queue.jobClass, limit: 2).map(\.lease).enumerated() {
            var completion = JobCompletion(lease)
            if index == 0 { completion.computation = Self.computation }
            _ = try await queue.store.complete([completion])
        }
        #expect(
            try await text(
                queue,
                """
                SELECT concat_ws(' ', model, mode, jobs, trim_scale(cost), jobs_without_price) AS text
                  FROM moed.cost_daily ORDER BY model
                """) == ["default non_thinking 1 1", "served thinking 1 4 0"])
        await queue.close()
    }

    /// Failures and releases after some work book it under what did it.
    @Test func wastedTokensNameWhatComputedThem() async throws {
        let (queue, worker) = try await served()
        let ids = try await queue.add(2)
        let leases = try await queue.store.claim(worker, Queue.jobClass, limit: 2).map(\.lease)
        var usage = Usage()
        (usage.prompt, usage.thinking, usage.answer) = (5, 2, 1)
        var failure = JobFailure(
            lease: leases[0], code: "engine_error", message: "disk", retryable: true, usage: usage)
        var release = JobRelease(lease: leases[1], usage: usage)
        (failure.computation, release.computation) = (Self.computation, Self.computation)
        #expect(try await queue.store.fail([failure]) == [.committed])
        #expect(try await queue.store.release([release]) == [.committed])
        #expect(
            try await ledger(queue)
                == ids.map { "\($0) wasted served thinking 2 1 default non_thinking 0123456789abcdef" })
        await queue.close()
    }

    /// Tokens of checkpoints that no answer uses: a crash that ends the job, other weights, a cancellation, a deadline.
    @Test(arguments: ["crash", "other weights", "overwritten", "cancel", "many", "deadline", "request", "refusal"])
    func unusedCheckpointsAreWasted(end: String) async throws {
        let (queue, worker) = try await served()
        let id = try await queue.add(1, attempts: 1)[0]
        let digest = Self.origin.digest
        let lease = try await queue.store.claim(worker, Queue.jobClass, limit: 1, computedBy: digest)[0].lease
        let pieces = [(0, [1, 2]), (2, [3])].map {
            JobCheckpoint(lease: lease, choice: 0, firstToken: $0.0, tokens: $0.1, mode: .thinking)
        }
        #expect(try await queue.store.checkpoint(pieces, computedBy: digest).written == [id])
        let raw = id.rawValue
        if end == "crash" {
            try await queue.database.query("UPDATE moed.job SET bucket = -1")
            try await queue.expire(worker)
            #expect(try await queue.store.rescue().failed == 1)
        } else {
            _ = try await queue.store.release([JobRelease(lease: lease)])
        }
        var finals: [String] = []
        switch end {
        case "cancel": try await queue.database.query("SELECT moed.cancel(\(raw))")
        case "many": try await queue.database.query("SELECT moed.cancel_jobs(enqueued_before => now() + interval '1 day')")
        case "request":
            try await queue.database.query("INSERT INTO moed.cancel_request (job_id) VALUES (\(raw))")
            #expect(try await queue.store.cancelRequested() == 1)
        case "deadline":
            try await queue.database.query("UPDATE moed.job SET expires_at = now() - interval '1 s'")
            #expect(try await queue.store.expire() == 1)
        case "other weights", "overwritten", "refusal":
            let next = try await queue.store.claim(worker, Queue.jobClass, limit: 1, computedBy: "other")[0]
            #expect(next.saved == [:])
            if end == "refusal" {
                _ = try await queue.store.fail([JobFailure(lease: next.lease, RequestError(.invalidValue, "bad"))])
            } else {
                if end == "overwritten" {
                    let piece = JobCheckpoint(lease: next.lease, choice: 0, firstToken: 0, tokens: [9])
                    #expect(try await queue.store.checkpoint([piece], computedBy: "other").written == [id])
                }
                var completion = JobCompletion(next.lease)
                completion.computation = Computation(mode: .nonThinking, model: "served", origin: "other")
                #expect(try await queue.store.complete([completion]) == [.committed])
                finals = ["\(id) final served non_thinking 3 4 default non_thinking"]
            }
        default: break
        }
        #expect(
            try await ledger(queue)
                == ["\(id) wasted served thinking 3 0 default non_thinking 0123456789abcdef"] + finals)
        #expect(try await text(queue, "SELECT count(*)::text AS text FROM moed.job_checkpoint") == ["0"])
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    /// A resumed answer has the tokens of its checkpoints in its own account.
    @Test func usedCheckpointsAreNotWasted() async throws {
        let (queue, worker) = try await served()
        let id = try await queue.add(1)[0]
        for step in 0..<2 {
            let job = try await queue.store.claim(worker, Queue.jobClass, limit: 1, computedBy: Self.origin.digest)[0]
            let piece = JobCheckpoint(lease: job.lease, choice: 0, firstToken: 0, tokens: [1, 2], mode: .thinking)
            _ = try await queue.store.checkpoint([piece], computedBy: Self.origin.digest)
            var completion = JobCompletion(job.lease)
            completion.computation = Self.computation
            if step == 0 {
                _ = try await queue.store.release([JobRelease(lease: job.lease)])
            } else {
                #expect(job.saved == [0: [1, 2]])
                #expect(try await queue.store.complete([completion]) == [.committed])
            }
        }
        #expect(
            try await ledger(queue) == ["\(id) final served thinking 3 4 default non_thinking 0123456789abcdef"])
        await queue.close()
    }

    /// Empty and cut answers are counted whatever ended them, and after their jobs were pruned.
    @Test func emptyAndCutAnswersAreCounted() async throws {
        let (queue, worker) = try await served()
        let lines = ["a", "b", "c"].map { BatchTests.line($0) }.joined(separator: "\n")
        try await queue.database.query("SELECT moed.import_batch('night', \(lines))")
        try await queue.database.query("UPDATE moed.job SET mode = 'non_thinking', bucket = 5")
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 3)
        #expect(claimed.count == 3)
        for (job, content) in zip(claimed, ["", "\n\u{A0}", "cut"]) {
            var completion = JobCompletion(job.lease, content: content)
            completion.isTruncated = content == "cut"
            #expect(try await queue.store.complete([completion]) == [.committed])
        }
        for _ in 0..<2 {
            #expect(
                try await text(queue, "SELECT truncated || ' ' || empty AS text FROM moed.batches") == ["1 2"])
            #expect(
                try await text(queue, "SELECT truncated || ' ' || empty AS text FROM moed.usage_daily") == ["1 2"])
            try await queue.database.query("DELETE FROM moed.job")
        }
        await queue.close()
    }
}
