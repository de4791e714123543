import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// The account of requests to endpoints: fenced before they are sent, exact afterwards, estimated for dead workers.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct RequestAccountTests {
    private static func claim(_ queue: Queue, _ worker: WorkerID, _ count: Int) async throws -> [JobLease] {
        try await queue.add(count)
        let backlog = try await queue.store.backlog(models: ["default"])
        return try await queue.store.claim(
            worker, try #require(backlog.first), limit: count, room: RequestRoom(bodyMax: 1 << 20, bytes: 1 << 20),
            maxWait: nil, computedBy: "o"
        ).map(\.lease)
    }

    private static func request(_ lease: JobLease, _ segment: Int = 0, first: Int = 0) -> EngineRequest {
        var request = EngineRequest(
            key: .init(job: lease.job, claim: lease.token, segment: segment), choice: 0, firstToken: first,
            prompt: 10 + first, endpoint: "gpu", api: "tokens", name: "moed-\(lease.job)-\(segment)")
        request.prices = TokenPrices(prompt: "0.30", cached: "0.03", completion: "1.20")
        return request
    }

    private static func end(
        _ request: EngineRequest, _ outcome: String, prompt: Int?, cached: Int?, completion: Int?, kept: Int?,
        cost: String? = nil
    ) -> EngineSpending {
        var end = EngineSpending(key: request.key, outcome: outcome, source: .usage)
        (end.prompt, end.cached, end.completion, end.kept, end.cost) = (prompt, cached, completion, kept, cost)
        return end
    }

    @Test func costsAreExactAndApartFromTheBill() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let leases = try await Self.claim(queue, worker, 2)
        let requests = [Self.request(leases[0]), Self.request(leases[0], 1, first: 4), Self.request(leases[1])]
        let keys = Set(requests.map(\.key))
        #expect(try await queue.store.recordRequests(requests, by: worker) == RecordedRequests(open: keys))
        // The answer may have been lost.
        #expect(try await queue.store.recordRequests(requests, by: worker) == RecordedRequests(open: keys))
        let ends = [
            Self.end(requests[0], "cut", prompt: 10, cached: 0, completion: 4, kept: 4),
            Self.end(requests[1], "counts", prompt: 14, cached: 10, completion: 7, kept: 0),
            Self.end(requests[2], "finished", prompt: 10, cached: nil, completion: 5, kept: 5, cost: "3.05e-05"),
        ]
        #expect(try await queue.store.recordSpending(ends).isEmpty)
        #expect(try await queue.store.recordSpending(ends).isEmpty)
        let costs = try await queue.database.query(
            "SELECT trim_scale(cost)::text AS value FROM moed.endpoint_request ORDER BY job_id, segment"
        ).map { try $0.value("value", as: String.self) }
        #expect(costs == ["0.0000078", "0.0000099", "0.0000305"])
        let day = try await queue.database.query(
            """
            SELECT concat_ws(' ', endpoint, tenant, model, requests, prompt_tokens, cached_tokens, completion_tokens,
                trim_scale(cost), wasted_tokens, trim_scale(wasted_cost), estimated, requests_without_cost) AS value
              FROM moed.spent_daily
            """
        ).map { try $0.value("value", as: String.self) }
        #expect(day == ["gpu default default 3 34 10 16 0.0000482 7 0.0000099 0 0"])
        let billed: Int64? = try await queue.database.value("SELECT count(*) AS value FROM moed.token_ledger")
        #expect(billed == 0)
        await queue.close()
    }

    @Test func aRequestOfALostLeaseIsRefused() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let lease = try await Self.claim(queue, worker, 1)[0]
        _ = try await queue.store.release([JobRelease(lease: lease)])
        #expect(try await queue.store.recordRequests([Self.request(lease)], by: worker) == RecordedRequests())
        let rows: Int64? = try await queue.database.value("SELECT count(*) AS value FROM moed.endpoint_request")
        #expect(rows == 0)
        // Its end has no row either.
        let end = Self.end(Self.request(lease), "unsent", prompt: 0, cached: nil, completion: 0, kept: 0)
        #expect(try await queue.store.recordSpending([end]).isEmpty)
        await queue.close()
    }

    /// The requests of a dead worker are ended by what it checkpointed. A frozen worker corrects that later.
    @Test func aRescueEstimatesAndTheWorkerCorrects() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let lease = try await Self.claim(queue, worker, 1)[0]
        let requests = [Self.request(lease), Self.request(lease, 1, first: 6)]
        _ = try await queue.store.recordRequests(requests, by: worker)
        _ = try await queue.store.checkpoint(
            [JobCheckpoint(lease: lease, choice: 0, firstToken: 0, tokens: Array(0..<9))], computedBy: "o")
        try await queue.expire(worker)
        #expect(try await queue.store.dueMaintenance().contains(.rescue))
        #expect(try await queue.store.rescue().requeued == 1)
        let rows = try await queue.database.query(
            """
            SELECT concat_ws(' ', outcome, source, prompt_tokens, completion_tokens, trim_scale(cost)) AS value
              FROM moed.endpoint_request ORDER BY segment
            """
        ).map { try $0.value("value", as: String.self) }
        #expect(rows == ["lost estimated 10 6 0.0000102", "lost estimated 16 3 0.0000084"])
        #expect(try await !queue.store.dueMaintenance().contains(.rescue))
        let end = Self.end(requests[1], "closed", prompt: 16, cached: 0, completion: 5, kept: 5)
        #expect(try await queue.store.recordSpending([end]).isEmpty)
        let tokens: Int64? = try await queue.database.value(
            "SELECT completion_tokens::bigint AS value FROM moed.endpoint_request WHERE segment = 1 AND outcome = 'closed'")
        #expect(tokens == 5)
        await queue.close()
    }

    @Test func aLockedRowIsLeftForLater() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let leases = try await Self.claim(queue, worker, 2)
        let requests = leases.map { Self.request($0) }
        _ = try await queue.store.recordRequests(requests, by: worker)
        let ends = requests.map { Self.end($0, "finished", prompt: 1, cached: nil, completion: 1, kept: 1) }
        let other = try await queue.database.connect()
        try await other.run(
            script: "BEGIN; SELECT FROM moed.endpoint_request WHERE job_id = \(leases[0].job.rawValue) FOR UPDATE")
        #expect(try await queue.store.recordSpending(ends) == [requests[0].key])
        try await other.run(script: "ROLLBACK")
        await other.close()
        #expect(try await queue.store.recordSpending(ends).isEmpty)
        await queue.close()
    }

    private static func outside(_ lease: JobLease, completion: Int, segment: Int = 0) -> EngineRequest {
        var request = request(lease, segment)
        (request.isOutside, request.promptMost, request.completionMost) = (true, 0, completion)
        return request
    }

    /// Reserve at the request, settle at its end, refund what it did not cost: the budget is never exceeded.
    @Test func aBudgetInMoneyIsReservedAndSettled() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.database.run(script: "UPDATE moed.tenant SET money_per_day = 3")
        let leases = try await Self.claim(queue, worker, 3)
        // A million completion tokens cost 1.20 each: two fit, the third does not.
        let requests = leases.map { Self.outside($0, completion: 1_000_000) }
        let first = try await queue.store.recordRequests(requests, by: worker)
        #expect(first == RecordedRequests(open: Set(requests[..<2].map(\.key)), declined: [requests[2].key]))
        #expect(try await queue.store.recordRequests([requests[2]], by: worker).declined == [requests[2].key])
        // What was sent may be recorded again: it is not reserved twice.
        #expect(try await queue.store.recordRequests(Array(requests[..<2]), by: worker).open.count == 2)
        let ends = [
            Self.end(requests[0], "unsent", prompt: 0, cached: nil, completion: 0, kept: 0),
            Self.end(requests[1], "finished", prompt: 0, cached: nil, completion: 500_000, kept: 500_000),
        ]
        _ = try await queue.store.recordSpending(ends)
        _ = try await queue.store.recordSpending(ends)
        _ = try await queue.store.maintain(.usage)
        func spent() async throws -> String? {
            try await queue.database.value("SELECT trim_scale(spent_today) || ' ' || may_leave AS value FROM moed.tenants")
        }
        #expect(try await spent() == "0.6 true")
        #expect(try await queue.store.recordRequests([requests[2]], by: worker).open == [requests[2].key])
        // The worker dies: what it had checkpointed is the cost.
        try await queue.expire(worker)
        _ = try await queue.store.rescue()
        _ = try await queue.store.maintain(.usage)
        #expect(try await spent() == "0.600003 true")
        await queue.close()
    }

    @Test func anEndpointWithoutPricesFitsNoBudget() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let leases = try await Self.claim(queue, worker, 2)
        var free = Self.outside(leases[0], completion: 1)
        free.prices = nil
        var house = Self.request(leases[1])
        house.prices = nil
        #expect(try await queue.store.recordRequests([free, house], by: worker).open.count == 2)
        try await queue.database.run(script: "UPDATE moed.tenant SET money_per_day = 3")
        free.key.segment = 1
        house.key.segment = 1
        let answer = try await queue.store.recordRequests([free, house], by: worker)
        #expect(answer == RecordedRequests(open: [house.key], declined: [free.key]))
        await queue.close()
    }

    @Test func aTenantThatMayNotLeaveIsMarked() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(1, tenant: "a")
        try await queue.add(1, tenant: "b")
        try await queue.database.run(script: "UPDATE moed.tenant SET remote_allowed = false WHERE name = 'a'")
        let backlog = try #require(try await queue.store.backlog(models: ["default"]).first)
        #expect(Dictionary(uniqueKeysWithValues: backlog.tenants.map { ($0.name, $0.mayLeave) }) == ["a": false, "b": true])
        let claimed = try await queue.store.claim(worker, backlog, limit: 2)
        #expect(Dictionary(uniqueKeysWithValues: claimed.map { ($0.tenant, $0.mayLeave) }) == ["a": false, "b": true])
        await queue.close()
    }
}
