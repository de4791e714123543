package import MoedCore

/// How many jobs of a claim each tenant gets, decided from what a look found.
///
/// A tenant's n-th further job has the turn (had + n) / weight, and least turns come first: each tenant's n-th job
/// competes with the others' n-th, and no place stays empty while any tenant has work. `had` is what it is running and
/// what it was served lately, counted in jobs of mean length, so that long jobs weigh more than short ones.
package struct FairShare: Sendable {
    /// Jobs of one head that a claim is to take.
    package struct Portion: Sendable, Equatable {
        package var head: ClassBacklog.Head
        /// From this head, at most.
        package var most: Int
        /// From all heads of its tenant together, at most, those that come first in the list before the others.
        package var tenantMost: Int
    }

    private struct Tenant {
        var id: Int
        var weight: Double
        var runningMax: Int
        var had: Double
        /// Most urgent first.
        var heads: [ClassBacklog.Head]
        /// Of the claim under way.
        var share = 0

        var nextTurn: Double { turn(of: share + 1) }
        func turn(of rank: Int) -> Double { (had + Double(rank)) / weight }

        func comes(before other: Tenant) -> Bool {
            (nextTurn, heads[0].job.rawValue) < (other.nextTurn, other.heads[0].job.rawValue)
        }
    }

    /// As each head had a job when it was looked at, no more heads than jobs are needed, but for some that are empty by
    /// now. A claim locks what each of them has to give.
    private static let headsSpare = 2

    private var tenants: [Tenant]
    /// Head of the job that has been ready for longest, when it has waited too long.
    private var overdue: ClassBacklog.Head?

    /// - Parameter maxWait: a job that has been ready for so long comes first, whatever its priority and its tenant's
    ///   turn. One a claim: were it all such jobs, priority would mean nothing in a long queue.
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

    /// Shares out so many jobs.
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

    /// Whose turn it is; of equals the one whose job came first.
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
        // A head stands in the list once: the rest of the overdue job's waits for another claim, unless it is the
        // tenant's first anyway.
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

    /// What became of the portions: those who had fewer jobs than they might have had have no more of them.
    ///
    /// - Parameter taken: jobs, by tenant.
    package mutating func took(_ taken: [Int: Int]) {
        for index in tenants.indices { tenants[index].had += Double(taken[tenants[index].id] ?? 0) }
        tenants.removeAll { (taken[$0.id] ?? 0) < $0.share }
        overdue = nil
    }

    /// The turn of a tenant's n-th job of the claim under way, from 1: in this order they start.
    package func turn(of rank: Int, tenant: Int) -> Double {
        if rank == 1, overdue?.tenant == tenant { return 0 }
        return tenants.first { $0.id == tenant }?.turn(of: rank) ?? .infinity
    }
}
