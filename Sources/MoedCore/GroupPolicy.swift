/// Which group is admitted next.
///
/// Jobs of one group share mode and length class, so they finish together and waste little of a batch. The rule is
/// work-conserving (some group is named whenever any has work) and starvation-free (`maxWait`).
package struct GroupPolicy: Sendable, Equatable {
    /// A job that has waited this long goes next, whatever its group.
    package var maxWait: Duration

    package init(maxWait: Duration) { self.maxWait = maxWait }

    /// - Parameter current: the group admitted last; stayed with while it has work and nobody waits too long.
    /// - Returns: nil only when no group has work.
    package func next(after current: JobGroup?, among backlog: [GroupBacklog]) -> JobGroup? {
        let waiting = backlog.filter { $0.queued > 0 }
        guard let oldest = waiting.max(by: Self.isYounger) else { return nil }
        if oldest.oldestAge >= maxWait { return oldest.group }
        if let current, waiting.contains(where: { $0.group == current }) { return current }
        let sameMode = waiting.filter { $0.group.model == current?.model && $0.group.mode == current?.mode }
        return (sameMode.max(by: Self.isYounger) ?? oldest).group
    }

    /// Order by age; equal ages by group, so that the choice never depends on the order of the backlog.
    private static func isYounger(_ left: GroupBacklog, _ right: GroupBacklog) -> Bool {
        if left.oldestAge != right.oldestAge { return left.oldestAge < right.oldestAge }
        return key(left.group) > key(right.group)
    }

    private static func key(_ group: JobGroup) -> (String, String, Int) {
        (group.model, group.mode.rawValue, group.bucket)
    }
}
