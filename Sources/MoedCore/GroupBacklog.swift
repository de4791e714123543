/// What waits in one group: the planner's view of the queue.
package struct GroupBacklog: Sendable, Equatable {
    package var group: JobGroup
    /// Jobs waiting; may be capped by whoever counts.
    package var queued: Int
    /// How long the group's oldest job has been ready to run.
    package var oldestAge: Duration

    package init(group: JobGroup, queued: Int, oldestAge: Duration) {
        self.group = group
        self.queued = queued
        self.oldestAge = oldestAge
    }
}
