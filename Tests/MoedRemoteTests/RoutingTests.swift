import MoedBatching
import MoedCore
import Testing

@testable import MoedRemote

/// Which endpoint a request goes to, and which jobs may leave the house.
struct RoutingTests {
    private typealias Candidate = RoutingPolicy.Candidate

    /// Candidates as (cost, speed), and the chosen one by policy.
    @Test(arguments: [
        ([], nil, nil, nil), ([(3.0, 10.0)], 0, 0, 0),
        ([(3, 10), (1, 5), (2, 40)], 0, 1, 2), ([(3, nil), (nil, 5), (2, 40)], 0, 1, 0),
        ([(1, 5), (1, 5)], 0, 0, 0), ([(0.0000001, 1), (0.00000005, 0.5)], 0, 1, 0), ([(1, 0), (2, 0)], 0, 0, 0),
    ] as [([(Double?, Double?)], Int?, Int?, Int?)])
    func aPolicyChooses(candidates: [(Double?, Double?)], failover: Int?, cheapest: Int?, fastest: Int?) {
        let all = candidates.enumerated().map { Candidate(index: $0, cost: $1.0, seconds: $1.1.map { 1 / max($0, 1e-9) }) }
        #expect(RoutingPolicy.failover.choose(all) == failover)
        #expect(RoutingPolicy.cheapest.choose(all) == cheapest)
        #expect(RoutingPolicy.fastest.choose(all) == fastest)
        // The order of the candidates is not the order of the list.
        #expect(RoutingPolicy.cheapest.choose(all.reversed()) == cheapest)
    }

    /// Candidates as (cost, seconds), and the chosen one by the seconds that are left.
    @Test(arguments: [
        ([], 9, nil), ([(3, 10), (1, 20), (2, 5)], nil, 1), ([(3, 10), (1, 20), (2, 5)], 20, 1),
        ([(3, 10), (1, 20), (2, 5)], 19, 2), ([(3, 10), (1, 20), (2, 5)], 4, 2), ([(3, nil), (1, 20)], 5, 0), ([(nil, 3), (1, 1)], 2, 1),
        ([(1, 9), (1, 9)], -5, 0),
    ] as [([(Double?, Double?)], Double?, Int?)])
    func aDeadlineTakesTheCheapestInTime(candidates: [(Double?, Double?)], left: Double?, chosen: Int?) {
        let all = candidates.enumerated().map { Candidate(index: $0, cost: $1.0, seconds: $1.1) }
        #expect(RoutingPolicy.deadline.choose(all, left: left) == chosen)
    }

    @Test(arguments: [
        (Trust.house, "a", false, true), (.house, "a", true, true), (.outside, "a", true, true), (.outside, "a", false, false),
        (.tenants(["a"]), "a", true, true), (.tenants(["a"]), "a", false, false), (.tenants(["a"]), "b", true, false),
    ])
    func trustDecidesByTenant(trust: Trust, tenant: String, mayLeave: Bool, isAllowed: Bool) {
        #expect(trust.allows(tenant: tenant, mayLeave: mayLeave) == isAllowed)
    }

    private static func priced(_ completion: [String?], _ policy: RoutingPolicy) -> RemoteJobsTests.World {
        let endpoints = RemoteJobsTests.endpoints(completion.count, maxInFlight: 1).enumerated().map { index, endpoint in
            var endpoint = endpoint
            endpoint.prices = completion[index].map { TokenPrices(prompt: "0", cached: "0", completion: $0) }
            return endpoint
        }
        var world = RemoteJobsTests.World(endpoints, policy: policy)
        for _ in 0..<40 where world.jobs.endpoints.contains(where: { !$0.breaker.isClosed }) { world.step() }
        world.requests = []
        return world
    }

    @Test func cheapEndpointsFillFirst() {
        var world = Self.priced(["2", "1", "3"], .cheapest)
        for id in 1...3 { world.submit(FakeTask.make(id)) }
        #expect(world.requests.map(\.endpoint) == [1, 0, 2])
        world.run()
        #expect(world.results.count == 3)
        var free = Self.priced(["2", nil], .cheapest)
        free.submit(FakeTask.make(1))
        #expect(free.requests.map(\.endpoint) == [1])
    }

    @Test func fastEndpointsAreFoundByMeasuring() {
        var world = Self.priced([nil, nil], .fastest)
        world.slow = [0]
        for id in 1...6 {
            world.submit(FakeTask.make(id))
            world.run()
        }
        #expect(world.results.count == 6)
        #expect(world.requests.count { $0.endpoint == 0 } < world.requests.count { $0.endpoint == 1 })
    }

    /// A job that may not leave the house waits for an engine there, and goes back when there is none.
    @Test func trustIsRespectedBeforeAJobLeaves() {
        var endpoints = RemoteJobsTests.endpoints(2, maxInFlight: 1)
        endpoints[0].trust = .outside
        var world = RemoteJobsTests.World(endpoints)
        for _ in 0..<40 where world.jobs.endpoints.contains(where: { !$0.breaker.isClosed }) { world.step() }
        world.requests = []
        for id in 1...3 { world.submit(FakeTask.make(id), owner: .init(tenant: "a", mayLeave: false)) }
        world.run()
        #expect(world.results.count == 3 && world.requests.allSatisfy { $0.endpoint == 1 })
        world.fault = { $0.endpoint == 1 ? .refuse : .none }
        world.requests = []
        world.submit(FakeTask.make(4), owner: .init(tenant: "a", mayLeave: false))
        for _ in 0..<200 { world.step() }
        #expect(world.returned == [JobID(4)] && world.requests.allSatisfy { $0.endpoint == 1 || $0.body == nil })
    }

    @Test func aDeclinedJobStaysInTheHouse() {
        var endpoints = RemoteJobsTests.endpoints(2, maxInFlight: 1)
        endpoints[0].trust = .tenants(["a"])
        var world = RemoteJobsTests.World(endpoints)
        for _ in 0..<40 where world.jobs.endpoints.contains(where: { !$0.breaker.isClosed }) { world.step() }
        world.requests = []
        world.records = false
        world.submit(FakeTask.make(1), owner: .init(tenant: "a", mayLeave: true))
        #expect(world.opened.map(\.endpoint) == ["e0"] && world.opened[0].isOutside && world.opened[0].completionMost == 40)
        world.records = true
        world.perform(world.jobs.decline(Set(world.opened.map(\.key)), now: world.now))
        world.run()
        #expect(world.results.count == 1 && world.requests.allSatisfy { $0.endpoint == 1 })
        // A declined request has no row, and so no end.
        #expect(world.spent.map(\.key) == world.opened.dropFirst().map(\.key))
    }
}
