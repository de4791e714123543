import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// One tenant's jobs, however many are locked or how they are named, do not keep another's waiting.
@Suite(.serialized, .enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ManyLockedTests {
    /// Due, late and unknown jobs of tenant a, more than a step tries, are locked by its open transaction.
    @Test func lockedJobsDoNotKeepOthersWaiting() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script: """
                INSERT INTO moed.tenant (name) VALUES ('a'), ('b');
                SELECT count(moed.enqueue('q', tenant => t, run_at => now() + interval '1 h'))
                  FROM unnest(ARRAY['a', 'b']) AS t, generate_series(1, CASE t WHEN 'a' THEN 7000 ELSE 3 END);
                UPDATE moed.job SET run_at = now() - id * interval '1 ms';
                SELECT count(moed.enqueue('q', tenant => t, expires_at => now() - interval '1 s'))
                  FROM unnest(ARRAY['a', 'b']) AS t, generate_series(1, CASE t WHEN 'a' THEN 7000 ELSE 3 END);
                SELECT count(moed.enqueue('q', tenant => t, model => 'nobody'))
                  FROM unnest(ARRAY['a', 'b']) AS t, generate_series(1, CASE t WHEN 'a' THEN 7000 ELSE 3 END);
                """)
        let store = try await JobStore.impatient(queue.database)
        let held = try await HeldTransaction.begin(in: queue.database, "SELECT moed.cancel_jobs(tenant => 'a')")
        // A second call asks for the same jobs: their requests are as many.
        #expect(try await queue.database.value("SELECT moed.cancel_jobs(tenant => 'a') AS value") == 21_000)
        let found = try await store.maintain()
        #expect(found.promoted == 3 && found.expired == 3 && found.refused == 3 && found.cancelled == 0)
        try await held.end("ROLLBACK")
        // The first tenant's jobs are many: the others' turn comes in each round.
        try await queue.database.run(
            script: "SELECT count(moed.enqueue('q', tenant => 'b', expires_at => now() - interval '1 s')) FROM generate_series(1, 3)")
        #expect(try await store.expire() == JobStore.rowsPerStatementMax)
        let late: Int? = try await queue.database.value(
            """
            SELECT count(*) AS value FROM moed.jobs
             WHERE tenant = 'b' AND finished_at IS NULL AND expires_at < now()
            """)
        #expect(late == 0)
        while try await store.maintain() != MaintenanceReport() {}
        #expect(try await queue.database.value("SELECT count(*) AS value FROM moed.cancel_request") == 0)
        #expect(try await queue.violations() == [])
        await store.close()
        await queue.close()
    }

    /// Jobs for later times are not read to find that none is due.
    @Test func scheduledJobsAreDueInTheirOrder() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script: """
                SELECT moed.enqueue('q', tenant => t, run_at => now() + interval '1 h', expires_at => now() + interval '2 h')
                  FROM unnest(ARRAY['a', 'b', 'c']) AS t
                """)
        #expect(try await queue.store.dueMaintenance() == [])
        try await queue.database.run(
            script: "UPDATE moed.job SET run_at = now() WHERE tenant_id = (SELECT max(id) FROM moed.tenant)")
        #expect(try await queue.store.dueMaintenance() == [.promote])
        #expect(try await queue.store.promote() == 1)
        try await queue.database.run(
            script: "UPDATE moed.job SET expires_at = now() WHERE tenant_id = (SELECT max(id) FROM moed.tenant)")
        #expect(try await queue.store.dueMaintenance() == [.expire])
        #expect(try await queue.store.expire() == 1)
        #expect(try await queue.store.dueMaintenance() == [])
        await queue.close()
    }

    /// A tenant that invents priorities costs the polls of all workers no more than a bound, and its jobs all run.
    @Test func inventedPrioritiesAreBounded() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let many = JobStore.prioritiesMax + 36
        try await queue.database.run(
            script: """
                INSERT INTO moed.jobs (prompt, reasoning, max_tokens, tenant, priority)
                SELECT 'q', 'non_thinking', 1, 'a', i * 7 FROM generate_series(1, \(many)) AS i;
                INSERT INTO moed.jobs (prompt, reasoning, max_tokens, tenant) VALUES ('q', 'non_thinking', 1, 'b')
                """)
        let backlog = try #require(try await queue.store.backlog(models: ["default"]).first)
        #expect(backlog.heads.count == JobStore.prioritiesMax + 1)
        #expect(Set(backlog.tenants.map(\.id)).count == 2)
        #expect(backlog.heads.map(\.urgency).min() == -7 * many, "the most urgent ones")
        var claimed: [String] = []
        while case let jobs = try await queue.store.claim(worker, Queue.jobClass, limit: 50), !jobs.isEmpty {
            if claimed.isEmpty { #expect(jobs.contains { $0.tenant == "b" }) }
            claimed += jobs.map(\.tenant)
        }
        #expect(claimed.count == many + 1)
        await queue.close()
    }

    /// Of very many tenants with waiting jobs each poll sees a limited number, others each time; all come to their turn.
    @Test func manyTenantsTakeTurns() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let many = JobStore.headsMax + 100
        try await queue.database.run(
            script: """
                INSERT INTO moed.jobs (prompt, reasoning, max_tokens, tenant)
                SELECT 'q', 'non_thinking', 1, 't' || i FROM generate_series(1, \(many)) AS i
                """)
        var seen: Set<Int> = []
        let isSeen = try await eventually {
            let backlog = try #require(try await queue.store.backlog(models: ["default"]).first)
            #expect(backlog.heads.count == JobStore.headsMax && backlog.tenants.count == JobStore.headsMax)
            seen.formUnion(backlog.heads.map(\.tenant))
            return seen.count == many
        }
        #expect(isSeen)
        var claimed = 0
        while case let jobs = try await queue.store.claim(worker, Queue.jobClass, limit: 1000), !jobs.isEmpty {
            claimed += jobs.count
        }
        #expect(claimed == many)
        await queue.close()
    }

    /// Neither poll nor claim reads beyond a head: its scan of the claim index has an upper bound behind equalities.
    @Test(arguments: ["backlog", "claim"])
    func aHeadEndsItsScan(name: String) async throws {
        let queue = try await Queue()
        let statement = try #require(NamedStatement.all.first { $0.name == name })
        let types = statement.parameters.map(\.type).joined(separator: ", ")
        let nothing = statement.parameters.map { _ in "NULL" }.joined(separator: ", ")
        let plan = try await queue.database.run(
            script: """
                \(JobStore.session);
                PREPARE tried (\(types)) AS \(statement.text);
                EXPLAIN (COSTS OFF) EXECUTE tried (\(nothing))
                """
        ).map { try $0.value("QUERY PLAN", as: String.self) }
        let bounded = plan.filter { $0.contains("Index Cond") && $0.contains("(tenant_id = ") && $0.contains("((- priority) <= ") }
        #expect(bounded.count == 1, "\(plan.joined(separator: "\n"))")
        await queue.close()
    }
}
