import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Money at endpoints: limits of tenants and batches hold for several workers, and jobs say why they wait.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct MoneyTests {
    /// A request of at most a million completion tokens, which cost 1.20.
    private static func request(_ lease: JobLease, segment: Int = 0, prices: Bool = true) -> EngineRequest {
        var request = EngineRequest(
            key: .init(job: lease.job, claim: lease.token, segment: segment), choice: 0, firstToken: 0, prompt: 10,
            endpoint: "gpu", api: "tokens", name: "moed-\(lease.job)-\(segment)")
        if prices { request.prices = TokenPrices(prompt: "0", cached: "0", completion: "1.20") }
        (request.isOutside, request.promptMost, request.completionMost) = (true, 0, 1_000_000)
        return request
    }

    private static func end(_ request: EngineRequest, completion: Int?) -> EngineSpending {
        var end = EngineSpending(key: request.key, outcome: "finished", source: .usage)
        (end.prompt, end.completion, end.kept) = (0, completion, completion)
        return end
    }

    private static func claim(
        _ queue: Queue, _ worker: WorkerID, _ count: Int, only filter: ClaimFilter = .all
    ) async throws -> [ClaimedJob] {
        var claimed: [ClaimedJob] = []
        for backlog in try await queue.store.backlog(models: ["default"]) where claimed.count < count {
            claimed += try await queue.store.claim(worker, backlog, limit: count - claimed.count, only: filter)
        }
        return claimed.sorted { $0.id < $1.id }
    }

    private static func batch(_ queue: Queue, _ lines: Int, money: String?) async throws {
        let file = (1...lines).map { #"{"custom_id":"\#($0)","body":{"messages":[{"role":"user","content":"x"}]}}"# }
        try await queue.database.run(
            script: "SELECT moed.import_batch('b', '\(file.joined(separator: "\n"))', money_max => \(money ?? "NULL"))")
    }

    private static func spent(_ queue: Queue) async throws -> String? {
        try await queue.database.value("SELECT trim_scale(spent)::text AS value FROM moed.batch_budget")
    }

    /// Each worker's statement begins before the other's has ended: without the lock both would see the whole budget.
    @Test(arguments: [true, false])
    func twoWorkersShareALimit(ofTenant: Bool) async throws {
        let queue = try await Queue()
        if ofTenant {
            try await queue.database.run(script: "UPDATE moed.tenant SET money_per_day = 3")
        }
        try await Self.batch(queue, 4, money: ofTenant ? nil : "3")
        let (first, second) = (try await queue.worker(), try await queue.worker())
        let (mine, others) = (try await Self.claim(queue, first, 2), try await Self.claim(queue, second, 2))
        #expect(mine.count == 2 && others.count == 2 && mine.allSatisfy(\.mayLeave))
        // A third session holds what both need, so that both wait in their statement.
        let holder = try await queue.database.connect()
        try await holder.run(
            script: """
                INSERT INTO moed.tenant_usage (tenant_id, day, billed_tokens, served_jobs, served_tokens, folded_at)
                VALUES (1, (clock_timestamp() AT TIME ZONE 'UTC')::date, 0, 0, 0, now()) ON CONFLICT DO NOTHING
                """)
        try await holder.run(
            script: """
                BEGIN; SELECT FROM moed.tenant_usage FOR UPDATE; SELECT FROM moed.batch_budget FOR UPDATE
                """)
        let stores = (try await Queue.store(queue.database), try await Queue.store(queue.database))
        async let a = stores.0.recordRequests(mine.map { Self.request($0.lease) }, by: first)
        async let b = stores.1.recordRequests(others.map { Self.request($0.lease) }, by: second)
        let isWaiting = try await eventually {
            try await queue.database.value(
                "SELECT count(*) = 2 AS value FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
                ?? false
        }
        #expect(isWaiting)
        try await holder.run(script: "COMMIT")
        let answers = try await (a, b)
        // Two requests of 1.20 fit into 3, not three.
        #expect(answers.0.open.count + answers.1.open.count == 2)
        #expect(answers.0.declined.count + answers.1.declined.count == 2)
        await stores.0.close()
        await stores.1.close()
        await holder.close()
        await queue.close()
    }

    /// Reserve at the request, settle at its end; a worker that dies leaves an estimate.
    @Test func aCeilingOfABatchIsReservedAndSettled() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await Self.batch(queue, 3, money: "3")
        try await queue.add(1)
        let jobs = try await Self.claim(queue, worker, 4)
        let requests = jobs.map { Self.request($0.lease) }
        let answer = try await queue.store.recordRequests(requests, by: worker)
        // The job without a batch has no limit.
        #expect(answer.declined == [requests[2].key] && answer.open.count == 3)
        #expect(try await Self.spent(queue) == "2.4")
        #expect(try await queue.store.recordRequests(requests, by: worker).open.count == 3)
        #expect(try await Self.spent(queue) == "2.4")
        _ = try await queue.store.recordSpending([Self.end(requests[0], completion: 500_000)])
        _ = try await queue.store.recordSpending([Self.end(requests[0], completion: 500_000)])
        #expect(try await Self.spent(queue) == "1.8")
        #expect(try await queue.store.recordRequests([requests[2]], by: worker).open.count == 1)
        #expect(try await Self.spent(queue) == "3")
        try await queue.expire(worker)
        _ = try await queue.store.rescue()
        #expect(try await Self.spent(queue) == "0.6")
        await queue.close()
    }

    @Test func anEndpointWithoutPricesFitsNoCeiling() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await Self.batch(queue, 1, money: "3")
        let job = try #require(try await Self.claim(queue, worker, 1).first)
        let request = Self.request(job.lease, prices: false)
        #expect(try await queue.store.recordRequests([request], by: worker).declined == [request.key])
        await queue.close()
    }

    /// A worker that sends jobs out of the house leaves them; one with an engine takes them and keeps them.
    @Test func jobsOfAPoorBatchStay() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await Self.batch(queue, 2, money: "3")
        try await queue.add(1)
        try await queue.database.run(script: "UPDATE moed.batch_budget SET spent = 3")
        let free = try await Self.claim(queue, worker, 9, only: ClaimFilter(isHouse: false))
        #expect(free.map(\.id.rawValue) == [3] && free.allSatisfy(\.mayLeave))
        let kept = try await Self.claim(queue, worker, 9)
        #expect(kept.map(\.id.rawValue) == [1, 2] && kept.allSatisfy { !$0.mayLeave })
        await queue.close()
    }

    @Test(arguments: ["0", "-1", "'NaN'", "'Infinity'"])
    func aCeilingIsANumber(money: String) async throws {
        let queue = try await Queue()
        await #expect(throws: (any Error).self) { try await Self.batch(queue, 1, money: money) }
        await queue.close()
    }

    @Test func urgentJobsAreClaimedByTheirDeadline() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        for left in ["3 hours", "1 hour", "2 hours"] {
            try await queue.database.run(
                script: "SELECT moed.enqueue('x', expires_at => now() + interval '\(left)')")
        }
        try await queue.add(1)
        let counts = try await queue.store.deadlines(models: ["default"])
        #expect(counts.map(\.jobs) == [1, 1, 1])
        #expect(counts.map { Int(($0.left / .seconds(3600)).rounded()) } == [1, 2, 3])
        #expect(try await queue.store.deadlines(models: ["another"]).isEmpty)
        let urgent = try await Self.claim(queue, worker, 9, only: ClaimFilter(dueWithin: .seconds(2.5 * 3600)))
        #expect(urgent.map(\.id.rawValue) == [2, 3])
        #expect(urgent.allSatisfy { $0.timeLeft.map { $0 > .seconds(3000) && $0 <= .seconds(7200) } ?? false })
        let others = try await Self.claim(queue, worker, 9)
        #expect(others.map(\.id.rawValue) == [1, 4] && others[1].timeLeft == nil)
        await queue.close()
    }

    @Test func aJobThatMayNotLeaveSaysWhy() async throws {
        let queue = try await Queue()
        let database = queue.database
        let worker = try await queue.worker(isHouse: false)
        try await Self.batch(queue, 1, money: "3")
        func why() async throws -> String? { try await database.value("SELECT moed.why(1) AS value") }
        #expect(try await why()?.contains("out of the house") == false)
        let start = "It waits: all live workers of model \"default\" send jobs out of the house, and "
        try await database.run(script: "UPDATE moed.batch_budget SET spent = 3")
        #expect(try await why() == start + "its batch has spent its money_max.")
        try await database.run(script: "UPDATE moed.batch_budget SET spent = 0; UPDATE moed.tenant SET remote_allowed = false")
        #expect(try await why() == start + "remote_allowed of tenant \"default\" is false.")
        try await database.run(script: "UPDATE moed.tenant SET remote_allowed = NULL, money_per_day = 2.50")
        try await database.run(
            script: """
                INSERT INTO moed.tenant_usage (tenant_id, day, billed_tokens, served_jobs, served_tokens, folded_at, spent)
                VALUES (1, (clock_timestamp() AT TIME ZONE 'UTC')::date, 0, 0, 0, now(), 2.60)
                """)
        #expect(try await why() == start + "tenant \"default\" has spent 2.6 of its 2.5 of today at endpoints.")
        try await database.run(script: "UPDATE moed.tenant SET money_per_day = NULL")
        var report = EndpointReport(name: "gpu", api: "tokens", model: "m")
        (report.isOutside, report.trusted) = (true, ["acme", "o'neil"])
        try await queue.store.reportEndpoints(worker, [report])
        #expect(try await why() == start + "no endpoint names tenant \"default\" in its trust.")
        report.trusted = nil
        try await queue.store.reportEndpoints(worker, [report])
        #expect(try await why()?.contains("out of the house") == false)
        _ = try await queue.worker()
        try await database.run(script: "UPDATE moed.tenant SET remote_allowed = false")
        #expect(try await why()?.contains("out of the house") == false)
        await queue.close()
    }
}
