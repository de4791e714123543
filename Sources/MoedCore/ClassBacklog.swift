/// Waiting jobs of one job class: the planner's view of the queue.
package struct ClassBacklog: Sendable, Equatable {
    package var jobClass: JobClass
    /// Number of waiting jobs, possibly capped.
    package var queued: Int
    /// Time since the job class's oldest job became ready to run.
    package var oldestAge: Duration

    /// First waiting job of each tenant and urgency; empty in a backlog that does not come from the database.
    package var heads: [Head]
    /// Tenants of the waiting jobs; empty in a backlog that does not come from the database.
    package var tenants: [Tenant]

    package init(
        jobClass: JobClass, queued: Int, oldestAge: Duration, heads: [Head] = [], tenants: [Tenant] = []
    ) {
        self.jobClass = jobClass
        self.queued = queued
        self.oldestAge = oldestAge
        self.heads = heads
        self.tenants = tenants
    }

    /// Drops the jobs of tenants that a worker may not run.
    ///
    /// - Returns: true when there were any.
    package mutating func drop(where isBarred: (Tenant) -> Bool) -> Bool {
        let barred = Set(tenants.filter(isBarred).map(\.id))
        guard !barred.isEmpty else { return false }
        tenants.removeAll { barred.contains($0.id) }
        heads.removeAll { barred.contains($0.tenant) }
        if heads.isEmpty { queued = 0 }
        oldestAge = heads.map(\.age).max() ?? .zero
        return true
    }

    /// The first waiting job of a tenant and priority.
    package struct Head: Sendable, Equatable {
        /// Id of the tenant.
        package var tenant: Int
        /// Negated priority: lower values start first.
        package var urgency: Int
        package var job: JobID
        /// Time since the job became ready to run.
        package var age: Duration

        package init(tenant: Int, urgency: Int, job: JobID, age: Duration) {
            self.tenant = tenant
            self.urgency = urgency
            self.job = job
            self.age = age
        }
    }

    /// Limits and usage of a tenant: columns of `moed.tenants`.
    package struct Tenant: Sendable, Equatable {
        package var id: Int
        package var name = ""
        /// True when its jobs may go to engines outside of the house.
        package var mayLeave = true
        package var weight: Double
        /// Maximum number of running jobs over all workers; nil means no limit.
        package var runningMax: Int?
        /// Number of running jobs over all workers and job classes.
        package var running: Int
        /// Number of recently ended attempts, with a half-life of five minutes.
        package var recentJobs: Double
        /// Tokens of recently ended attempts, with a half-life of five minutes.
        package var recentTokens: Double

        package init(
            id: Int, weight: Double, runningMax: Int? = nil, running: Int = 0, recentJobs: Double = 0,
            recentTokens: Double = 0
        ) {
            self.id = id
            self.weight = weight
            self.runningMax = runningMax
            self.running = running
            self.recentJobs = recentJobs
            self.recentTokens = recentTokens
        }
    }
}
