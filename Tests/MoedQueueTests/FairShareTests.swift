import MoedCore
import MoedQueue
import Testing

@Suite struct FairShareTests {
    private typealias Head = ClassBacklog.Head
    private typealias Tenant = ClassBacklog.Tenant

    private static func head(
        _ tenant: Int, urgency: Int = 0, job: Int64? = nil, age: Duration = .zero
    ) -> Head {
        Head(tenant: tenant, urgency: urgency, job: JobID(job ?? Int64(tenant)), age: age)
    }

    private static func share(
        _ tenants: [Tenant], heads: [Head]? = nil, maxWait: Duration? = nil
    ) -> FairShare {
        FairShare(
            ClassBacklog(
                jobClass: JobClass(model: "m", mode: .thinking, bucket: 7), queued: 100, oldestAge: .zero,
                heads: heads ?? tenants.map { head($0.id) }, tenants: tenants), maxWait: maxWait)
    }

    /// Number of jobs by tenant; each tenant has one head.
    private static func jobs(_ share: inout FairShare, _ count: Int) -> [Int: Int] {
        share.portions(count).reduce(into: [:]) { $0[$1.head.tenant, default: 0] += $1.most }
    }

    @Test func weightsDivide() {
        var share = Self.share([.init(id: 1, weight: 3), .init(id: 2, weight: 1)])
        #expect(Self.jobs(&share, 12) == [1: 9, 2: 3])
        #expect(Self.jobs(&share, 1) == [1: 1])
        #expect(Self.jobs(&share, 0) == [:])
    }

    @Test func whoHadLessComesFirst() {
        var share = Self.share([.init(id: 1, weight: 1, running: 10), .init(id: 2, weight: 1)])
        #expect(Self.jobs(&share, 10) == [2: 10])
        #expect(Self.jobs(&share, 14) == [1: 2, 2: 12])
    }

    /// Both tenants were served ten jobs; one tenant's jobs had three times as many tokens.
    @Test func servedTokensCountAsJobsOfMeanLength() {
        var share = Self.share([
            .init(id: 1, weight: 1, recentJobs: 10, recentTokens: 3000),
            .init(id: 2, weight: 1, recentJobs: 10, recentTokens: 1000),
        ])
        #expect(Self.jobs(&share, 10) == [2: 10])
        #expect(Self.jobs(&share, 30) == [1: 10, 2: 20])
    }

    @Test func aCapIsNotPassed() {
        var share = Self.share([.init(id: 1, weight: 9, runningMax: 2), .init(id: 2, weight: 1)])
        #expect(Self.jobs(&share, 10) == [1: 2, 2: 8])
    }

    @Test func whatOneLeavesTheOthersGet() {
        var share = Self.share((1...3).map { .init(id: $0, weight: 1) })
        #expect(Self.jobs(&share, 9) == [1: 3, 2: 3, 3: 3])
        share.took([1: 3, 2: 1, 3: 3])
        #expect(Self.jobs(&share, 2) == [1: 1, 3: 1])
        share.took([1: 1])
        #expect(Self.jobs(&share, 1) == [1: 1])
        share.took([:])
        #expect(share.portions(1) == [])
    }

    @Test func urgentHeadsComeFirst() {
        let heads = [Self.head(1, urgency: 5, job: 10), Self.head(1, urgency: -2, job: 90)]
        var share = Self.share([.init(id: 1, weight: 1)], heads: heads)
        #expect(share.portions(4).map(\.head.job) == [JobID(90), JobID(10)])
        #expect(share.portions(4).allSatisfy { $0.most == 4 && $0.tenantMost == 4 })
    }

    /// A claim queries only as many of a tenant's thousand priorities as it needs; otherwise it would lock a thousand
    /// times as many jobs.
    @Test func noMoreHeadsAreAskedThanAreNeeded() {
        let heads = (0..<1000).map { Self.head(1, urgency: $0, job: Int64($0)) }
        var share = Self.share([.init(id: 1, weight: 1)], heads: heads)
        #expect(share.portions(1).map(\.head) == Array(heads[..<3]))
        #expect(share.portions(64).map(\.head) == Array(heads[..<66]))
    }

    /// Each claim takes one overdue job first, regardless of its priority and of its tenant's turn.
    @Test func anOverdueJobIsFirst() {
        let heads = [
            Self.head(1), Self.head(2, urgency: -1, job: 20, age: .seconds(1)),
            Self.head(2, urgency: 3, job: 30, age: .seconds(90)),
        ]
        let tenants: [Tenant] = [.init(id: 1, weight: 1), .init(id: 2, weight: 1, running: 50)]
        var share = Self.share(tenants, heads: heads, maxWait: .seconds(60))
        let portions = share.portions(4)
        #expect(portions.map(\.head.job) == [JobID(1), JobID(30)])
        #expect(portions.map(\.most) == [3, 1])
        #expect(share.turn(of: 1, tenant: 2) < share.turn(of: 1, tenant: 1))
        share.took([1: 3, 2: 1])
        #expect(share.portions(2).map(\.head.job) == [JobID(1)])
        var patient = Self.share(tenants, heads: heads, maxWait: .seconds(91))
        #expect(patient.portions(4).map(\.head.job) == [JobID(1)])
    }

    /// An overdue job counts toward its tenant's portion beside urgent jobs, and occurs only once in the list.
    @Test func anOverdueJobTakesAPlaceOfItsTenant() {
        let heads = [
            Self.head(1, urgency: -1, job: 20), Self.head(1, urgency: 3, job: 30, age: .seconds(90)),
        ]
        var share = Self.share([.init(id: 1, weight: 1)], heads: heads, maxWait: .seconds(60))
        #expect(share.portions(3).map(\.head.job) == [JobID(30), JobID(20)])
        #expect(share.portions(3).map(\.most) == [1, 2])
        #expect(share.portions(3).map(\.tenantMost) == [3, 3])
        #expect(share.portions(1).map(\.head.job) == [JobID(30)])
    }

    @Test func turnsInterleave() {
        var share = Self.share([.init(id: 1, weight: 2), .init(id: 2, weight: 1)])
        _ = share.portions(6)
        let turns = [(1, 1), (1, 2), (2, 1), (1, 3), (1, 4), (2, 2)].map { tenant, rank in
            share.turn(of: rank, tenant: tenant)
        }
        #expect(turns == turns.sorted())
    }
}
