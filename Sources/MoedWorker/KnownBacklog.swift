package import MoedCore
package import MoedQueue

/// Result of the last poll of the queue, with its expiry. A value: time is passed in.
///
/// Jobs of a batch end one by one, and each end frees capacity for another job. A poll for each would cost as much as
/// the claim. A result therefore lasts 1.5 s; the next poll sees jobs added meanwhile. With a poll interval of two
/// seconds, every scheduled poll queries the database.
///
/// An empty result has no such lifetime: the worker then has free capacity. Jobs without a notification wait for its
/// next poll. Polls are slow while a transaction holds an old snapshot. The lifetime then grows with the duration of a
/// poll, so that polls take a fiftieth of the time.
package struct KnownBacklog {
    private static let lifetime = Duration.milliseconds(1500)
    private static let restPerLook = 50

    package private(set) var classes: [ClassBacklog] = []
    private var expiresAt: Duration?

    package init() {}

    package var queued: Int { classes.reduce(0) { $0 + $1.queued } }
    /// True when more jobs may be queued: the poll stops counting at `JobStore.backlogCountMax`.
    package private(set) var isAtLeast = false

    package func needsLook(now: Duration) -> Bool { expiresAt.map { now >= $0 } ?? true }

    /// Records the result of a poll.
    package mutating func looked(_ classes: [ClassBacklog], from start: Duration, to end: Duration) {
        self.classes = classes
        isAtLeast = classes.contains { $0.queued >= JobStore.backlogCountMax }
        expiresAt = end + max(queued > 0 ? Self.lifetime : .zero, (end - start) * Self.restPerLook)
    }

    /// Moves claimed jobs from the queued to their tenants' running jobs. A claim below its limit, or of all counted
    /// jobs, expires the backlog.
    package mutating func claimed(_ jobs: some Collection<ClaimedJob>, of limit: Int, in jobClass: JobClass) {
        let counts = jobs.countByTenant
        for index in classes.indices {
            for tenant in classes[index].tenants.indices {
                classes[index].tenants[tenant].running += counts[classes[index].tenants[tenant].id] ?? 0
            }
        }
        guard let index = classes.firstIndex(where: { $0.jobClass == jobClass }) else { return }
        classes[index].queued -= jobs.count
        if jobs.count < limit || classes[index].queued <= 0 { forget() }
    }

    /// Expires the backlog: the queue may hold unknown jobs.
    package mutating func forget() { expiresAt = nil }
}
