import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Budgets, shares by tokens, and deadlines.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct TenantTests {
    @Test func aUsedUpBudgetStartsNothingUntilMidnight() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(3, tenant: "small")
        try await queue.add(1, tenant: "other")
        // An answer of `JobCompletion(lease)` is 14 tokens.
        try await queue.database.run(
            script: "UPDATE moed.tenant SET tokens_per_day = 28 WHERE name = 'small'")
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 2)
        #expect(claimed.map(\.tenant) == ["small", "other"])
        _ = try await queue.store.complete(claimed.map { JobCompletion($0.lease) })
        try await queue.store.foldUsage()
        let next = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        #expect(next.map(\.tenant) == ["small"])
        _ = try await queue.store.complete(next.map { JobCompletion($0.lease) })
        try await queue.store.foldUsage()
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 1) == [])
        #expect(try await queue.store.backlog(models: ["default"]) == [])
        #expect(try await queue.store.remaining(models: ["default"]).isEmpty)
        #expect(
            try await queue.database.value(
                "SELECT tokens_today AS value FROM moed.tenants WHERE name = 'small'") == 28)
        #expect(
            try await queue.database.value("SELECT may_start AS value FROM moed.tenants WHERE name = 'small'")
                == false)
        // The next day.
        try await queue.database.run(script: "UPDATE moed.tenant_usage SET day = day - 1")
        #expect(
            try await queue.database.value(
                "SELECT tokens_today AS value FROM moed.tenants WHERE name = 'small'") == 0)
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 1).map(\.tenant) == ["small"])
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func usageFoldsOnceWhoeverFolds() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(40, tenant: "a")
        try await queue.add(40, tenant: "b")
        for _ in 0..<8 {
            let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 10)
            _ = try await queue.store.complete(claimed.map { JobCompletion($0.lease) })
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    let store = try await Queue.store(queue.database)
                    for _ in 0..<5 { try await store.foldUsage() }
                    await store.close()
                }
            }
            try await group.waitForAll()
        }
        let rows = try await queue.database.query(
            "SELECT billed_tokens, served_tokens FROM moed.tenant_usage ORDER BY tenant_id")
        #expect(try rows.map { try $0.value("billed_tokens", as: Int.self) } == [560, 560])
        #expect(try rows.allSatisfy { abs(try $0.value("served_tokens", as: Double.self) - 560) < 20 })
        #expect(try await queue.database.value("SELECT count(*) AS value FROM moed.usage_delta") == 0)
        await queue.close()
    }

    /// Tenant `long` has jobs ten times as long: by jobs it would get ten times the tokens.
    @Test(.heavy, arguments: [1.0, 3.0])
    func sharesAreOfTokens(weight: Double) async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(1500, tenant: "long")
        try await queue.add(3000, tenant: "short")
        try await queue.database.query("UPDATE moed.tenant SET weight = \(weight) WHERE name = 'long'")
        var tokens = ["long": 0, "short": 0]
        for _ in 0..<100 {
            let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 16)
            #expect(claimed.count == 16)
            let completions = claimed.map { job in
                var completion = JobCompletion(job.lease)
                completion.usage = Usage()
                completion.usage.answer = job.tenant == "long" ? 1000 : 100
                tokens[job.tenant]? += completion.usage.answer
                return completion
            }
            _ = try await queue.store.complete(completions)
            try await queue.store.foldUsage()
        }
        let share = Double(tokens["long"] ?? 0) / Double(tokens["short"] ?? 1)
        #expect(abs(share / weight - 1) < 0.1, "tokens \(tokens)")
        await queue.close()
    }

    @Test func lateJobsEndAsExpired() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let ids = try await queue.database.query(
            """
            INSERT INTO moed.jobs (prompt, reasoning, max_tokens, expires_at, run_at)
            VALUES ('running', 'non_thinking', 1, now() + interval '1 hour', NULL),
                   ('queued', 'non_thinking', 1, now() - interval '1 s', NULL),
                   ('scheduled', 'non_thinking', 1, now() - interval '1 s', now() + interval '1 hour'),
                   ('in time', 'non_thinking', 1, now() + interval '1 hour', NULL)
            RETURNING id
            """
        ).map { JobID(try $0.value("id")) }
        // Expired jobs are not claimed.
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 4)
        #expect(claimed.map(\.id) == [ids[0], ids[3]])
        let checkpoints = claimed.map {
            JobCheckpoint(lease: $0.lease, choice: 0, firstToken: 0, tokens: [1])
        }
        #expect(try await queue.store.checkpoint(checkpoints, computedBy: "x").written.count == 2)
        #expect(try await queue.store.toBeStopped(worker) == [])
        #expect(try await queue.store.expire() == 2)
        #expect(try await queue.store.expire() == 0)

        try await queue.database.query(
            "UPDATE moed.job SET expires_at = now() - interval '1 s' WHERE id = \(ids[0].rawValue)")
        #expect(try await queue.store.toBeStopped(worker) == [ids[0]])
        #expect(try await queue.store.checkpoint(checkpoints, computedBy: "x").written == [ids[3]])
        // A worker's job is the worker's to end.
        #expect(try await queue.store.expire() == 0)
        var release = JobRelease(lease: claimed[0].lease)
        release.usage.answer = 9
        #expect(try await queue.store.release([release]) == [.committed])
        #expect(try await queue.store.release([release]) == [.already])
        for id in ids[0...2] {
            #expect(try await queue.state(id) == "failed")
            let error: String? = try await queue.database.value(
                "SELECT error AS value FROM moed.jobs WHERE id = \(id.rawValue)")
            #expect(error?.hasPrefix("expired: not done by its deadline, 2") == true)
        }
        #expect(try await queue.state(ids[3]) == "running")
        #expect(
            try await queue.database.value(
                "SELECT count(*) AS value FROM moed.job_checkpoint WHERE job_id = \(ids[0].rawValue)") == 0)
        #expect(try await queue.database.value("SELECT wasted_tokens AS value FROM moed.usage_daily") == 9)
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func aBatchHasAWindow() async throws {
        let queue = try await Queue()
        let batch: String = try #require(
            try await queue.database.value(
                """
                SELECT moed.import_batch('b', '{"custom_id":"c","body":{"messages":[]}}', completion_window => '-1 s')::text
                  AS value
                """))
        #expect(try await queue.store.expire() == 1)
        let line: String? = try await queue.database.value(
            "SELECT moed.export_batch(\(batch)::uuid) AS value")
        #expect(
            line?.contains(#""error" : {"code" : "batch_expired", "message" : "not done by"#) == true,
            "\(line ?? "")")
        #expect(line?.contains(#""response" : null"#) == true)
        #expect(try await queue.database.value("SELECT status AS value FROM moed.batches") == "failed")
        await queue.close()
    }

    @Test func maintenanceFindsWhatIsToBeDone() async throws {
        let queue = try await Queue()
        #expect(try await queue.store.maintain() == MaintenanceReport())
        let (worker, dead) = (try await queue.worker(), try await queue.worker())
        try await queue.add(2, tenant: "a")
        let claimed = try await queue.store.claim(dead, Queue.jobClass, limit: 1)
        let done = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        _ = try await queue.store.complete(done.map { JobCompletion($0.lease) })
        try await queue.expire(dead)
        try await queue.database.run(
            script: """
                SELECT moed.enqueue(prompt => 'x', model => 'nobody'), moed.enqueue(prompt => 'x', expires_at => now()),
                       moed.enqueue(prompt => 'x', run_at => now() + interval '1 hour');
                UPDATE moed.job SET run_at = now() WHERE state = 'scheduled'
                """)
        var expected = MaintenanceReport()
        expected.rescue = RescueReport(workers: 1, requeued: 1)
        expected.promoted = 1
        expected.expired = 1
        expected.refused = 1
        #expect(try await queue.store.maintain() == expected)
        #expect(try await queue.state(claimed[0].id) == "queued")
        #expect(
            try await queue.database.value("SELECT tokens_today AS value FROM moed.tenants WHERE name = 'a'")
                == 14)
        #expect(try await queue.store.maintain() == MaintenanceReport())
        #expect(try await queue.violations() == [])
        await queue.close()
    }
}
