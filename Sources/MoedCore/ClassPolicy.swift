/// Chooses the job class to admit next.
///
/// Jobs of one job class share mode and length class, so they finish together and waste little of a batch.
/// The rule is work-conserving: it names a job class whenever any has work. `maxWait` makes it starvation-free.
package struct ClassPolicy: Sendable, Equatable {
    /// Waiting time after which a job goes next, regardless of its job class.
    package var maxWait: Duration

    package init(maxWait: Duration) { self.maxWait = maxWait }

    /// - Parameter current: the job class admitted last; kept while it has work and no job has waited `maxWait`.
    /// - Returns: nil only when no job class has work.
    package func next(after current: JobClass?, among backlog: [ClassBacklog]) -> JobClass? {
        let waiting = backlog.filter { $0.queued > 0 }
        guard let oldest = waiting.max(by: Self.isYounger) else { return nil }
        if oldest.oldestAge >= maxWait { return oldest.jobClass }
        if let current, waiting.contains(where: { $0.jobClass == current }) { return current }
        let sameMode = waiting.filter { $0.jobClass.model == current?.model && $0.jobClass.mode == current?.mode }
        return (sameMode.max(by: Self.isYounger) ?? oldest).jobClass
    }

    /// Orders by age, then by job class, so that the choice never depends on the order of the backlog.
    private static func isYounger(_ left: ClassBacklog, _ right: ClassBacklog) -> Bool {
        if left.oldestAge != right.oldestAge { return left.oldestAge < right.oldestAge }
        return key(left.jobClass) > key(right.jobClass)
    }

    private static func key(_ jobClass: JobClass) -> (String, String, Int) {
        (jobClass.model, jobClass.mode.rawValue, jobClass.bucket)
    }
}
