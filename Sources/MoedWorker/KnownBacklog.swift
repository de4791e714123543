package import MoedCore
package import MoedQueue

/// What the last look at the queue found, and how long that is good for. A value: time is passed in.
///
/// Jobs of a batch end one by one, and each end makes room for another job: a look for each would cost as much as the
/// claim. What was added meanwhile is seen by the next look, a second and a half later: a poll of two seconds always
/// looks. That there was nothing is not kept: then a worker has free places, and jobs of which nobody told it wait for
/// its next poll. Looks are slow while somebody holds an old snapshot; then they are made less often, so that they take
/// a fiftieth of the time.
package struct KnownBacklog {
    private static let lifetime = Duration.milliseconds(1500)
    private static let restPerLook = 50

    package private(set) var groups: [GroupBacklog] = []
    private var expiresAt: Duration?

    package init() {}

    package var queued: Int { groups.reduce(0) { $0 + $1.queued } }
    /// Whether more may be queued: the look stops counting.
    package private(set) var isAtLeast = false

    package func needsLook(now: Duration) -> Bool { expiresAt.map { now >= $0 } ?? true }

    /// Takes in what a look found.
    package mutating func looked(_ groups: [GroupBacklog], from start: Duration, to end: Duration) {
        self.groups = groups
        isAtLeast = groups.contains { $0.queued >= JobStore.backlogCountMax }
        expiresAt = end + max(queued > 0 ? Self.lifetime : .zero, (end - start) * Self.restPerLook)
    }

    /// Takes out what was claimed: their tenants run them now. A claim that came short, or took all that was counted,
    /// calls for a look.
    package mutating func claimed(_ jobs: some Collection<ClaimedJob>, of limit: Int, in group: JobGroup) {
        let counts = jobs.countByTenant
        for index in groups.indices {
            for tenant in groups[index].tenants.indices {
                groups[index].tenants[tenant].running += counts[groups[index].tenants[tenant].id] ?? 0
            }
        }
        guard let index = groups.firstIndex(where: { $0.group == group }) else { return }
        groups[index].queued -= jobs.count
        if jobs.count < limit || groups[index].queued <= 0 { forget() }
    }

    /// There may be jobs that it does not know.
    package mutating func forget() { expiresAt = nil }
}
