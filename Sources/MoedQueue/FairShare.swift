package import MoedCore

/// Number of jobs of a claim for each tenant, computed from a polled backlog.
///
/// The turn of a tenant's n-th further job is (had + n) / weight; the job with the lowest turn comes first. Each
/// tenant's n-th job competes with the n-th jobs of the others. No place of the batch stays free while any tenant has
/// queued jobs. `had` is the number of running jobs plus recent usage. Recent usage counts in jobs of mean length, so
/// that long jobs weigh more than short ones.
package struct FairShare: Sendable {
    /// Number of jobs that a claim takes from one head.
    package struct Portion: Sendable, Equatable {
        package var head: ClassBacklog.Head
        /// Maximum number of jobs from this head.
        package var most: Int
        /// Maximum number of jobs from all heads of its tenant together. Portions earlier in the list come first.
        package var tenantMost: Int
    }

    private struct Tenant {
        var id: Int
        var weight: Double
        var runningMax: Int
        var had: Double
        /// Heads of the tenant, most urgent first.
        var heads: [ClassBacklog.Head]
        /// Number of jobs of the current claim for this tenant.
        var share = 0

        var nextTurn: Double { turn(of: share + 1) }
        func turn(of rank: Int) -> Double { (had + Double(rank)) / weight }

        func comes(before other: Tenant) -> Bool {
            (nextTurn, heads[0].job.rawValue) < (other.nextTurn, other.heads[0].job.rawValue)
        }
    }

    /// Number of extra heads per tenant, for heads that have become empty since the poll. Each polled head had a job,
    /// so no more heads than jobs are needed otherwise. A claim locks the jobs of every head in it.
    private static let headsSpare = 2

    private var tenants: [Tenant]
    /// Head of the job that has been ready for longest, if it has waited for `maxWait`; nil otherwise.
    private var overdue: ClassBacklog.Head?

    /// - Parameter maxWait: a job that has been ready for this long comes first, before priority and turns. One such
    ///   job per claim comes first: with all of them, priority would mean nothing in a long queue.
    package init(_ backlog: ClassBacklog, maxWait: Duration? = nil) {
        let jobs = backlog.tenants.reduce(0) { $0 + $1.recentJobs }
        let tokens = backlog.tenants.reduce(0) { $0 + $1.recentTokens }
        let heads = Dictionary(grouping: backlog.heads, by: \.tenant)
        tenants = backlog.tenants.compactMap { tenant in
            guard let heads = heads[tenant.id] else { return nil }
            let served = tokens > 0 ? tenant.recentTokens * jobs / tokens : 0
            return Tenant(
                id: tenant.id, weight: tenant.weight, runningMax: tenant.runningMax ?? .max,
                had: Double(tenant.running) + served, heads: heads.sorted { $0.urgency < $1.urgency })
        }
        guard let maxWait, let oldest = backlog.heads.max(by: { $0.age < $1.age }), oldest.age >= maxWait
        else { return }
        overdue = oldest
    }

    /// Distributes a number of jobs over the tenants.
    package mutating func portions(_ jobs: Int) -> [Portion] {
        for index in tenants.indices { tenants[index].share = 0 }
        var rest = jobs
        if let tenant = overdue?.tenant, let index = tenants.firstIndex(where: { $0.id == tenant }), rest > 0
        {
            tenants[index].share = 1
            rest -= 1
        }
        while rest > 0, let next = nextTenant {
            tenants[next].share += 1
            rest -= 1
        }
        return tenants.flatMap { portions(of: $0) }
    }

    /// Index of the tenant with the lowest turn; on a tie, of the one with the older job.
    private var nextTenant: Int? {
        var next: Int?
        for index in tenants.indices where tenants[index].share < tenants[index].runningMax {
            if let next, !tenants[index].comes(before: tenants[next]) { continue }
            next = index
        }
        return next
    }

    private func portions(of tenant: Tenant) -> [Portion] {
        guard tenant.share > 0 else { return [] }
        var portions: [Portion] = []
        func add(_ head: ClassBacklog.Head, _ most: Int) {
            portions.append(Portion(head: head, most: most, tenantMost: tenant.share))
        }
        // Each head is in the list once, so the overdue job's head gives one job to this claim. If it is the tenant's
        // first head, it needs no portion of its own.
        let passed = overdue.flatMap { $0.tenant == tenant.id && $0 != tenant.heads[0] ? $0 : nil }
        var rest = tenant.share
        if let passed {
            add(passed, 1)
            rest -= 1
        }
        guard rest > 0 else { return portions }
        for head in tenant.heads.filter({ $0 != passed }).prefix(rest + Self.headsSpare) { add(head, rest) }
        return portions
    }

    /// Records the claimed jobs. A tenant that returned fewer jobs than its share is exhausted and dropped.
    ///
    /// - Parameter taken: number of claimed jobs, by tenant.
    package mutating func took(_ taken: [Int: Int]) {
        for index in tenants.indices { tenants[index].had += Double(taken[tenants[index].id] ?? 0) }
        tenants.removeAll { (taken[$0.id] ?? 0) < $0.share }
        overdue = nil
    }

    /// Turn of a tenant's n-th job in the current claim, n from 1. Jobs start in the order of their turns.
    package func turn(of rank: Int, tenant: Int) -> Double {
        if rank == 1, overdue?.tenant == tenant { return 0 }
        return tenants.first { $0.id == tenant }?.turn(of: rank) ?? .infinity
    }
}
