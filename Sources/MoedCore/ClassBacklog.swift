/// What waits in one job class: the planner's view of the queue.
package struct ClassBacklog: Sendable, Equatable {
    package var jobClass: JobClass
    /// Jobs waiting; may be capped by whoever counts.
    package var queued: Int
    /// How long the job class's oldest job has been ready to run.
    package var oldestAge: Duration

    /// Where the waiting jobs begin, by tenant and urgency; empty when whoever counts does not look for it.
    package var heads: [Head]
    /// Whose they are.
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

    /// The first waiting job of a tenant and priority.
    package struct Head: Sendable, Equatable {
        /// Number of the tenant.
        package var tenant: Int
        /// The priority with its sign changed: less starts first.
        package var urgency: Int
        package var job: JobID
        /// How long it has been ready to run.
        package var age: Duration

        package init(tenant: Int, urgency: Int, job: JobID, age: Duration) {
            self.tenant = tenant
            self.urgency = urgency
            self.job = job
            self.age = age
        }
    }

    /// What a tenant may have, and has: columns of `moed.tenants`.
    package struct Tenant: Sendable, Equatable {
        package var id: Int
        package var weight: Double
        /// Most jobs at once, over all workers; nil is no cap.
        package var runningMax: Int?
        /// Jobs that run now, on any worker and of any job class.
        package var running: Int
        /// Attempts that ended lately, and their tokens; half of both is forgotten after five minutes.
        package var recentJobs: Double
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
