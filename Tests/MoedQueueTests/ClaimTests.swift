import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ClaimTests {
    @Test func aClaimIsOfOneGroupInOrder() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let plain = try await queue.add(3)
        let urgent = try await queue.add(1, priority: 5)
        try await queue.database.run(
            script: "SELECT moed.enqueue(prompt => 'x', reasoning => 'thinking', max_tokens => 1)")
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 10)
        #expect(claimed.map(\.id) == urgent + plain)
        #expect(
            claimed.allSatisfy {
                $0.attempt == 1 && $0.crashes == 0 && $0.jobClass == Queue.jobClass && $0.tenant == "default"
            })
        #expect(Set(claimed.map(\.lease.token)).count == 4)
        #expect(
            claimed[0].body?.hasPrefix(#"{"messages":[{"role":"user","content":"q1"}],"max_tokens":1"#)
                == true)
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 10) == [])
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func theBacklogCountsPerGroup() async throws {
        let queue = try await Queue()
        #expect(try await queue.store.backlog(models: ["default"]) == [])
        let start = ContinuousClock.now
        try await queue.add(3)
        try await queue.add(2, tenant: "other", priority: -3)
        try await queue.database.run(
            script: """
                SELECT moed.register_model('served');
                SELECT moed.enqueue(prompt => 'x', reasoning => 'thinking', max_tokens => 1);
                SELECT moed.enqueue(prompt => 'x', model => 'served', max_tokens => 1);
                SELECT moed.enqueue(prompt => 'x', model => 'foreign', max_tokens => 1);
                SELECT moed.enqueue(prompt => 'x', reasoning => 'non_thinking', max_tokens => 1, tenant => 'paused');
                UPDATE moed.tenant SET paused_at = now() WHERE name = 'paused';
                UPDATE moed.job SET created_at = now() - interval '10 minutes', run_at = now() - interval '10 minutes'
                 WHERE priority = -3;
                """)
        let backlog = try await queue.store.backlog(models: ["default", "served"])
        #expect(
            backlog.map(\.jobClass) == [
                JobClass(model: "default", mode: .thinking, bucket: 5), Queue.jobClass,
                JobClass(model: "served", mode: .thinking, bucket: 5),
            ])
        #expect(backlog.map(\.queued) == [1, 5, 1])
        let passed = ContinuousClock.now - start
        #expect(backlog[1].oldestAge >= .seconds(600))
        #expect(backlog[1].oldestAge < .seconds(660) + passed)
        #expect(backlog[0].oldestAge < .seconds(60) + passed)
        let remaining = try await queue.store.remaining(models: ["default", "served"])
        #expect(remaining == Remaining(ready: 7, running: 0, retrying: 0))
        // A worker with `model.serve_default: false` does not see jobs that name no model.
        #expect(try await queue.store.backlog(models: ["served"]).map(\.jobClass.model) == ["served"])
        #expect(try await queue.store.remaining(models: ["served"]).ready == 1)
        await queue.close()
    }

    /// A tenant's recent usage decays with time: a poll reads it once, for all of the tenant's priorities.
    @Test func aLookNamesATenantOnce() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(4, tenant: "a")
        let done = try await queue.store.claim(worker, Queue.jobClass, limit: 2)
        _ = try await queue.store.complete(done.map { JobCompletion($0.lease) })
        try await queue.store.foldUsage()
        for priority in 1...3 { try await queue.add(1, tenant: "a", priority: priority) }
        try await queue.add(1, tenant: "b")
        let held = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        let backlog = try #require(try await queue.store.backlog(models: ["default"]).first)
        #expect(held.map(\.tenant) == ["b"])
        #expect(backlog.heads.map(\.urgency) == [-3, -2, -1, 0])
        #expect(backlog.heads.allSatisfy { $0.tenant == backlog.tenants.first?.id })
        #expect(backlog.tenants.count == 1)
        #expect(backlog.tenants.first?.recentJobs ?? 0 > 1.9)
        let urgent = try await queue.store.claim(worker, backlog, limit: 4)
        #expect(urgent.map(\.tenant) == ["a", "a", "a", "a"])
        await queue.close()
    }

    @Test func twoWorkersNeverShareAJob() async throws {
        let queue = try await Queue()
        let all = try await queue.add(600)
        let claimed = try await withThrowingTaskGroup(of: [ClaimedJob].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let store = try await Queue.store(queue.database)
                    let worker = try await store.registerWorker(
                        WorkerRegistration(
                            host: "h", pid: 2, version: "0", models: ["default"], lease: Queue.lease))
                    var mine: [ClaimedJob] = []
                    while try await store.remaining(models: ["default"]).ready > 0 {
                        mine += try await store.claim(worker, Queue.jobClass, limit: 7)
                    }
                    await store.close()
                    return mine
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(claimed.map(\.id).sorted() == all.sorted())
        #expect(Set(claimed.map(\.lease.token)).count == 600)
        await queue.close()
    }

    @Test(arguments: [(1.0, 5, 5), (3.0, 8, 2)])
    func tenantsShareByWeight(weight: Double, heavy: Int, light: Int) async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(100, tenant: "a")
        try await queue.add(100, tenant: "b")
        try await queue.database.query("UPDATE moed.tenant SET weight = \(weight) WHERE name = 'a'")
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 10)
        #expect(claimed.filter { $0.tenant == "a" }.count == heavy)
        #expect(claimed.filter { $0.tenant == "b" }.count == light)
        await queue.close()
    }

    @Test func aLateTenantIsServedNextAndALoneOneGetsAll() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(200, tenant: "a")
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 32).count == 32)
        let late = try await queue.add(3, tenant: "b")
        let next = try await queue.store.claim(worker, Queue.jobClass, limit: 4)
        #expect(next.prefix(3).map(\.id) == late)
        #expect(next.count == 4)
        await queue.close()
    }

    @Test func theOldestJobIsNotPassedOverForEver() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let old = try await queue.add(2, priority: -5)
        try await queue.database.run(
            script:
                "UPDATE moed.job SET created_at = now() - interval '10 hours', run_at = now() - interval '10 hours'"
        )
        let urgent = try await queue.add(20, priority: 5)
        func claim(_ maxWait: Duration?) async throws -> [JobID] {
            try await queue.store.claim(worker, Queue.jobClass, limit: 2, maxWait: maxWait).map(\.id)
        }
        #expect(try await claim(nil) == Array(urgent[0...1]))
        #expect(try await claim(.seconds(72_000)) == Array(urgent[2...3]))
        #expect(try await claim(.seconds(3600)) == [old[0], urgent[4]])
        #expect(try await claim(.seconds(3600)) == [old[1], urgent[5]])
        #expect(try await claim(.seconds(3600)) == Array(urgent[6...7]))
        await queue.close()
    }

    @Test func aBodyBeyondTheLimitIsNotFetched() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let ids = try await queue.add(2)
        try await queue.database.query(
            """
            UPDATE moed.job_request SET body = b.body, body_bytes = octet_length(b.body::text)
              FROM (SELECT to_json(repeat('x', \(Int32(RequestLimit.bodyBytesMax)))) AS body) AS b
             WHERE job_id = \(ids[0].rawValue)
            """
        )
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 2)
        #expect(claimed.count == 2)
        #expect(claimed[0].body == nil)
        #expect(claimed[1].body != nil)
        await queue.close()
    }

    @Test func capsPausesAndDeadWorkersAreRespected() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(10, tenant: "a")
        try await queue.database.run(script: "UPDATE moed.tenant SET max_running = 3 WHERE name = 'a'")
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 10).count == 3)
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 10).isEmpty)
        try await queue.database.run(
            script: "UPDATE moed.tenant SET max_running = NULL, paused_at = now() WHERE name = 'a'")
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 10).isEmpty)
        #expect(try await queue.store.backlog(models: ["default"]).isEmpty)
        try await queue.database.run(
            script: "UPDATE moed.tenant SET paused_at = NULL; UPDATE moed.model SET paused_at = now()")
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 10).isEmpty)
        try await queue.database.run(script: "UPDATE moed.model SET paused_at = NULL")
        let expired = try await queue.worker(lease: .zero)
        #expect(try await queue.store.claim(expired, Queue.jobClass, limit: 10).isEmpty)
        #expect(try await queue.store.claim(WorkerID(999), Queue.jobClass, limit: 10).isEmpty)
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 0).isEmpty)
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 2).count == 2)
        await queue.close()
    }

    @Test(.heavy) func aLongQueueIsReadThroughTheIndex() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.database.run(
            script: """
                INSERT INTO moed.tenant (name) SELECT 't' || i FROM generate_series(1, 20) AS i;
                INSERT INTO moed.job (tenant_id, model_id, mode, bucket)
                SELECT (SELECT array_agg(t.id ORDER BY t.id) FROM moed.tenant t)[1 + i % 20], 1, CASE i % 2 WHEN 0 THEN 'thinking' ELSE 'non_thinking' END::moed.reasoning_mode, 5 + (i / 2) % 4
                  FROM generate_series(1, 200000) AS i;
                INSERT INTO moed.job_request SELECT id, '{}' FROM moed.job;
                """)
        // With and without the planner's statistics, counted by the server itself.
        for prepare in ["", "ANALYZE moed.job"] {
            try await queue.database.run(script: prepare)
            let connection = try await queue.database.connect()
            try await connection.run(script: "BEGIN")
            #expect(
                try await JobStore(connection: connection).claim(worker, Queue.jobClass, limit: 64).count == 64)
            #expect(try await JobStore(connection: connection).backlog(models: ["default"]).count == 8)
            let scans = try #require(
                try await connection.query(
                    "SELECT seq_scan, seq_tup_read, idx_scan FROM pg_stat_xact_user_tables WHERE relid = 'moed.job'::regclass"
                ).rows.first)
            #expect(try scans.value("seq_scan") == 0)
            #expect(try scans.value("idx_scan", as: Int.self) > 0)
            try await connection.run(script: "ROLLBACK; BEGIN;" + JobStore.session)
            // Maintenance has no work and finds that out without reading waiting jobs.
            let before = try await rowsRead(connection)
            #expect(try await JobStore(connection: connection).maintain() == MaintenanceReport())
            #expect(try await rowsRead(connection) == before)
            try await connection.run(script: "ROLLBACK")
            await connection.close()
        }
        for _ in 0..<20 {
            #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 64).count == 64)
        }
        let backlog = try await queue.store.backlog(models: ["default"])
        #expect(backlog.reduce(0) { $0 + $1.queued } == 8 * JobStore.backlogCountMax)
        await queue.close()
    }

    /// A claim skips jobs that another claim has locked, without waiting and without a second poll.
    @Test func jobsThatOthersAreTakingArePassedOver() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let jobs = try await queue.add(30)
        let other = try await queue.database.connect()
        try await other.run(script: "BEGIN")
        try await other.query(
            "SELECT FROM moed.job WHERE id = ANY (\(SQLArray(jobs.prefix(10).map(\.rawValue)))) FOR UPDATE")
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 4)
        #expect(claimed.map(\.id) == Array(jobs[10..<14]))
        await other.close()
        await queue.close()
    }

    /// While a snapshot is held, vacuum removes no later dead rows. The test counts pages, because times vary.
    @Test(.heavy) func aHeldSnapshotMakesClaimsNoDearer() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        // The statistics are taken while no job runs, after many jobs have run.
        try await queue.add(8000)
        for _ in 0..<2 {
            let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 1000)
            _ = try await queue.store.complete(claimed.map { JobCompletion($0.lease) })
        }
        try await queue.database.run(script: "VACUUM ANALYZE moed.job")
        try await queue.database.run(script: "VACUUM ANALYZE moed.worker")
        let holder = try await queue.database.connect()
        try await holder.run(
            script: "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM moed.worker")
        let connection = try await queue.database.connect()
        try await connection.run(script: JobStore.session)
        let store = JobStore(connection: connection)
        var pages: [Int] = []
        for round in 0..<80 {
            if round % 10 == 0 {
                _ = try await store.beat(worker, WorkerBeat(lease: Queue.lease, idle: false))
            }
            let backlog = try #require(try await store.backlog(models: ["default"]).first)
            let before = try await pagesRead(connection)
            let claimed = try await store.claim(worker, backlog, limit: 64)
            pages.append(try await pagesRead(connection) - before)
            #expect(claimed.count == 64)
            _ = try await store.complete(claimed.map { JobCompletion($0.lease) })
        }
        let (first, last) = (pages.prefix(10).max() ?? 0, pages.suffix(10).max() ?? 0)
        #expect(first > 0 && last < first + first / 2, "\(pages)")
        await holder.close()
        await connection.close()
        await queue.close()
    }

    /// Pages of `moed.job` and its indexes that anybody has read.
    private func pagesRead(_ connection: Connection) async throws -> Int {
        try await connection.query("SELECT pg_stat_force_next_flush()")
        let row = try await connection.query(
            """
            SELECT heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read AS pages
              FROM pg_statio_user_tables WHERE relid = 'moed.job'::regclass
            """
        ).rows.first
        return try row?.value("pages") ?? 0
    }

    /// Rows of `moed.job` that the session has read.
    private func rowsRead(_ connection: Connection) async throws -> Int? {
        try await connection.query(
            "SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relid = 'moed.job'::regclass"
        ).rows.first?.value("rows")
    }
}
