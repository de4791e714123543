/// What waits in one group: the planner's view of the queue.
package struct GroupBacklog: Sendable, Equatable {
    package var group: JobGroup
    /// Jobs waiting; may be capped by whoever counts.
    package var queued: Int
    /// How long the group's oldest job has been ready to run.
    package var oldestAge: Duration

    /// Where the waiting jobs begin; empty when whoever counts does not look for it.
    package var heads: [Head]

    package init(group: JobGroup, queued: Int, oldestAge: Duration, heads: [Head] = []) {
        self.group = group
        self.queued = queued
        self.oldestAge = oldestAge
        self.heads = heads
    }

    /// The first waiting job of a tenant and priority.
    package struct Head: Sendable, Equatable {
        /// Number of the tenant.
        package var tenant: Int
        /// The priority with its sign changed: less starts first.
        package var urgency: Int
        package var job: JobID

        package init(tenant: Int, urgency: Int, job: JobID) {
            self.tenant = tenant
            self.urgency = urgency
            self.job = job
        }
    }
}
