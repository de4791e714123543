import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct OutcomeTests {
    @Test func anAnswerIsWrittenOnceWithItsAccount() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let ids = try await queue.add(3)
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 3)
        var completions = claimed.map { JobCompletion($0.lease, content: "a \"b\" {c} \\ \0 日本") }
        completions[0].warnings = ["greedy, \"thinking\"", "second"]
        completions[1].reasoning = nil
        #expect(try await queue.store.complete(completions) == [.committed, .committed, .committed])
        #expect(try await queue.store.complete(completions) == [.already, .already, .already])

        let row = try #require(
            try await queue.database.query("SELECT * FROM moed.jobs WHERE id = \(ids[0].rawValue)").first)
        #expect(try row.value("state") == "succeeded")
        #expect(try row.value("content") == "a \"b\" {c} \\ \u{FFFD} 日本")
        #expect(try row.value("reasoning") == "because")
        #expect(try row.value("finish_reason") == "stop")
        #expect(try row.value("warning") == "greedy, \"thinking\"; second")
        #expect(try row.value("response") == #"{"choices":[]}"#)
        #expect(try row.value("seed") == Int64(-1))
        #expect(try row.value("worker") == "test/1")
        #expect(try row.optional("error", as: String.self) == nil)
        let names = [
            "prompt_tokens", "cached_tokens", "thinking_tokens", "injected_tokens", "answer_tokens",
            "completion_tokens", "total_tokens",
        ]
        #expect(try names.map { try row.value($0, as: Int.self) } == [5, 1, 3, 2, 4, 9, 14])
        #expect(try row.value("queued_ms", as: Int.self) >= 0)
        #expect(try row.value("run_ms", as: Int.self) >= 0)

        let usage = try #require(try await queue.database.query("SELECT * FROM moed.usage_daily").first)
        #expect(try usage.value("jobs") == 3)
        #expect(try names.map { try usage.value($0, as: Int.self) } == [15, 3, 9, 6, 12, 27, 42])
        #expect(try usage.value("recomputed_tokens") == 18)
        #expect(try usage.value("wasted_tokens") == 0)
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func aLostLeaseWritesNothing() async throws {
        let queue = try await Queue()
        let (first, second) = (try await queue.worker(), try await queue.worker())
        let id = try await queue.add(1)[0]
        let old = try await queue.store.claim(first, Queue.jobClass, limit: 1)[0]
        try await queue.expire(first)
        #expect(try await queue.store.rescue() == RescueReport(workers: 1, requeued: 1))

        // The zombie's writes are refused while no worker runs the job, while another one runs it, and afterwards.
        for step in 0..<3 {
            if step == 1 { #expect(try await queue.store.claim(second, Queue.jobClass, limit: 1).count == 1) }
            if step == 2 {
                let token: Int64 = try #require(
                    try await queue.database.value("SELECT lease_token AS value FROM moed.job"))
                let lease = JobLease(job: id, token: token)
                #expect(
                    try await queue.store.complete([JobCompletion(lease, content: "second")]) == [.committed])
            }
            #expect(try await queue.store.complete([JobCompletion(old.lease, content: "zombie")]) == [.stale])
            #expect(
                try await queue.store.fail([
                    JobFailure(lease: old.lease, code: "x", message: "x", retryable: false)
                ]) == [.stale])
            #expect(try await queue.store.release([JobRelease(lease: old.lease)]) == [.stale])
            #expect(try await queue.store.beat(first, WorkerBeat(lease: Queue.lease, idle: false)) == false)
        }
        #expect(try await queue.database.value("SELECT content AS value FROM moed.jobs") == "second")
        #expect(try await queue.store.beat(second, WorkerBeat(lease: Queue.lease, idle: false)))
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func aFinalFailureKeepsItsReasonAndCountsWaste() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(2)
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 2)
        var failure = JobFailure(
            lease: claimed[0].lease, RequestError(.invalidValue, param: "temp\0erature", "is \"99\"; ' \0"))
        failure.usage.prompt = 4
        let completion = JobCompletion(claimed[1].lease)
        #expect(try await queue.store.fail([failure]) == [.committed])
        #expect(try await queue.store.fail([failure]) == [.already])
        #expect(try await queue.store.complete([completion]) == [.committed])
        let row = try #require(
            try await queue.database.query("SELECT * FROM moed.jobs WHERE id = \(claimed[0].id.rawValue)")
                .first)
        #expect(try row.value("state") == "failed")
        #expect(try row.value("error") == "invalid_value (temp\u{FFFD}erature): is \"99\"; ' \u{FFFD}")
        #expect(try row.value("error_code") == "invalid_value")
        #expect(try row.optional("total_tokens", as: Int.self) == nil)
        let usage = try #require(try await queue.database.query("SELECT * FROM moed.usage_daily").first)
        #expect(try usage.value("jobs") == 1)
        #expect(try usage.value("wasted_attempts") == 1)
        #expect(try usage.value("wasted_tokens") == 4)
        #expect(try usage.value("prompt_tokens") == 5)
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func retriesPauseAndEnd() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let id = try await queue.add(1, attempts: 2)[0]
        let first = try await queue.store.claim(worker, Queue.jobClass, limit: 1)[0]
        let failure = JobFailure(lease: first.lease, code: "io", message: "disk", retryable: true)
        #expect(try await queue.store.fail([failure]) == [.committed])
        #expect(try await queue.store.fail([failure]) == [.already])
        #expect(try await queue.state(id) == "scheduled")
        // Against the end of the attempt, not the present: on a busy machine much time may have passed.
        let pause: Double = try #require(
            try await queue.database.value(
                """
                SELECT extract(epoch FROM j.run_at - a.ended_at)::float8 AS value
                  FROM moed.job j JOIN moed.job_attempt a ON a.job_id = j.id
                """))
        #expect(pause > 1.4 && pause < 2.6)
        try await queue.database.run(script: "UPDATE moed.job SET run_at = now() + interval '1 h'")
        #expect(
            try await queue.store.remaining(models: ["default"])
                == Remaining(ready: 0, running: 0, retrying: 1))
        #expect(try await queue.store.promote() == 0)
        try await queue.database.run(script: "UPDATE moed.job SET run_at = now() - interval '1 s'")
        #expect(try await queue.store.remaining(models: ["default"]).ready == 1)
        #expect(try await queue.store.promote() == 1)
        let second = try await queue.store.claim(worker, Queue.jobClass, limit: 1)[0]
        #expect(second.attempt == 2)
        #expect(
            try await queue.store.fail([
                JobFailure(lease: second.lease, code: "io", message: "disk", retryable: true)
            ]) == [.committed])
        #expect(try await queue.state(id) == "failed")
        let outcomes: String? = try await queue.database.value(
            "SELECT string_agg(outcome, ',' ORDER BY lease_token) AS value FROM moed.job_attempt")
        #expect(outcomes == "retried,failed")
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func aReleasedJobKeepsItsAttempt() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let ids = try await queue.add(2, attempts: 1)
        for _ in 0..<3 {
            let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 2)
            #expect(claimed.map(\.attempt) == [1, 1])
            var release = JobRelease(lease: claimed[0].lease)
            release.usage.answer = 2
            #expect(try await queue.store.release([release]) == [.committed])
            #expect(try await queue.store.release([release]) == [.already])
            try await queue.store.unregister(worker)
            #expect(try await queue.state(ids[1]) == "queued")
            try await queue.database.run(script: "UPDATE moed.worker SET stopped_at = NULL")
        }
        #expect(try await queue.database.value("SELECT wasted_tokens AS value FROM moed.usage_daily") == 6)
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func cancellingInEveryState() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let ids = try await queue.add(4)
        let scheduled: Int64 = try #require(
            try await queue.database.value(
                "SELECT moed.enqueue(prompt => 'x', run_at => 'infinity') AS value"))
        func cancel(_ id: Int64) async throws -> String? {
            try await queue.database.value("SELECT moed.cancel(\(id)) AS value")
        }
        #expect(try await cancel(ids[3].rawValue) == "cancelled")
        #expect(try await cancel(scheduled) == "cancelled")
        #expect(try await cancel(12345) == "unknown")
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 4)
        #expect(claimed.map(\.id) == Array(ids[0...2]))
        for id in ids[0...2] { #expect(try await cancel(id.rawValue) == "requested") }
        #expect(try await queue.store.toBeStopped(worker) == Array(ids[0...2]))

        var release = JobRelease(lease: claimed[0].lease)
        release.usage.thinking = 7
        #expect(try await queue.store.release([release]) == [.committed])
        #expect(try await queue.store.release([release]) == [.already])
        let failure = JobFailure(lease: claimed[1].lease, code: "io", message: "x", retryable: true)
        #expect(try await queue.store.fail([failure]) == [.committed])
        // Finished before the worker noticed: the answer stands and is billed.
        #expect(try await queue.store.complete([JobCompletion(claimed[2].lease)]) == [.committed])
        #expect(try await queue.state(ids[0]) == "cancelled")
        #expect(try await queue.state(ids[1]) == "cancelled")
        #expect(try await queue.state(ids[2]) == "succeeded")
        #expect(try await cancel(ids[2].rawValue) == "succeeded")
        #expect(try await queue.database.value("SELECT wasted_tokens AS value FROM moed.usage_daily") == 7)
        // The view can read a cancelled job whose run_at is infinity.
        let rows = try await queue.database.query("SELECT * FROM moed.jobs")
        #expect(rows.count == 5)
        #expect(try await queue.violations() == [])

        #expect(try await queue.database.value("SELECT moed.redrive(\(ids[0].rawValue)) AS value") == true)
        #expect(try await queue.database.value("SELECT moed.redrive(\(ids[2].rawValue)) AS value") == false)
        let again = try await queue.store.claim(worker, Queue.jobClass, limit: 4)
        #expect(again.map(\.id) == [ids[0]])
        #expect(again[0].attempt == 1)
        #expect(try await queue.store.complete([JobCompletion(again[0].lease)]) == [.committed])
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func aRepeatThatOvertakesItsFirstTryIsRecognised() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let id = try await queue.add(1)[0]
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        let completion = JobCompletion(claimed[0].lease)
        // The lock imitates a first try with a pending COMMIT: nobody waits for it.
        let blocker = try await queue.database.connect()
        try await blocker.run(script: "BEGIN; SELECT FROM moed.job WHERE id = \(id.rawValue) FOR UPDATE")
        let other = try await Queue.store(queue.database)
        #expect(try await queue.store.complete([completion]) == [.locked])
        #expect(try await other.complete([completion]) == [.locked])
        try await blocker.run(script: "COMMIT")
        async let first = queue.store.complete([completion])
        async let repeated = other.complete([completion])
        var outcomes = try await [first[0], repeated[0]]
        // The one that found the other at work is told so when it asks again.
        if let index = outcomes.firstIndex(of: .locked) {
            outcomes[index] = try await other.complete([completion])[0]
        }
        #expect(outcomes == [.committed, .already] || outcomes == [.already, .committed])
        #expect(try await queue.violations() == [])
        await other.close()
        await blocker.close()
        await queue.close()
    }

    @Test func anAnswerThatCannotBeStoredHarmsNoOther() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(7)
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 7)
        var completions = claimed.map { JobCompletion($0.lease) }
        completions[2].body = "no JSON"
        completions[5].usage.cachedPrompt = 99
        let dispositions = try await queue.store.complete(completions)
        for (index, disposition) in dispositions.enumerated() {
            switch (index, disposition) {
            case (2, .refused(let error)): #expect(error.code == .invalidValue)
            case (5, .refused(let error)): #expect(error.code == .constraint)
            default: #expect(disposition == .committed, "\(index)")
            }
        }
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    /// After a failover to a standby or a revoked right, results must not be dropped: they are not at fault.
    @Test func answersOutliveAServerThatTakesNoWrites() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(3)
        let completions = try await queue.store.claim(worker, Queue.jobClass, limit: 3)
            .map { JobCompletion($0.lease) }
        let readOnly = try await JobStore.connect(
            conninfo: queue.database.conninfo + " options='-c default_transaction_read_only=on'")
        let refused = await #expect(throws: QueueError.self) { try await readOnly.complete(completions) }
        #expect(refused?.database?.sqlState == "25006")
        #expect(try await queue.store.complete(completions) == [.committed, .committed, .committed])
        #expect(try await queue.violations() == [])
        await readOnly.close()
        await queue.close()
    }

    @Test(.heavy) func manyOutcomesAtOnce() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let count = 2500
        try await queue.add(count)
        var claimed: [ClaimedJob] = []
        while claimed.count < count {
            claimed += try await queue.store.claim(worker, Queue.jobClass, limit: count)
        }
        let start = ContinuousClock.now
        let dispositions = try await queue.store.complete(claimed.map { JobCompletion($0.lease) })
        print("\(count) completions in \(ContinuousClock.now - start)")
        #expect(dispositions == Array(repeating: .committed, count: count))
        let sums = try #require(
            try await queue.database.query(
                """
                SELECT (SELECT sum(total_tokens) FROM moed.jobs) AS jobs, (SELECT sum(total_tokens) FROM moed.usage_daily) AS usage,
                       (SELECT sum(prompt_tokens + completion_tokens) FROM moed.token_ledger WHERE kind = 'final') AS ledger
                """
            ).first)
        #expect(
            try ["jobs", "usage", "ledger"].map { try sums.value($0, as: Int.self) } == [
                14 * count, 14 * count, 14 * count,
            ])
        await queue.close()
    }
}
