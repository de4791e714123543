package import MoedCore

/// Decision which jobs an engine in the house cannot end before their deadline. A value: time is passed in.
///
/// The rate counts ended jobs with a deadline only: the engine runs other jobs beside them, as their order in the queue
/// has it. The rate forgets: what ended five minutes ago counts half.
package struct DeadlinePlan: Sendable {
    private static let halfLife = 300.0
    /// Part of the measured rate that the plan counts on.
    private static let margin = 0.9
    /// Part of the time until a deadline that the engine has for its first answer, before a rate is known.
    private static let grace = 0.1
    /// Weight of a new length in the average.
    private static let weight = 0.1

    private var deadlines: [DeadlineCount] = []
    private var plannedAt = Duration.zero
    /// Beginning of each running job, and whether it has a deadline.
    private var running: [JobID: (began: Duration, isDue: Bool)] = [:]
    private var ended = 0.0
    private var seconds = 0.0
    private var measuredAt: Duration?
    /// Seconds from the start of a job to its result, averaged; nil before the first.
    private var length: Double?

    package init() {}

    /// Takes the deadlines of queued jobs.
    package mutating func plan(_ deadlines: [DeadlineCount], now: Duration) {
        measure(now)
        self.deadlines = deadlines.sorted { $0.left < $1.left }
        plannedAt = now
        if deadlines.isEmpty && dueRunning == 0 { (ended, seconds, measuredAt) = (0, 0, nil) }
    }

    package mutating func started(_ job: JobID, isDue: Bool, now: Duration) {
        measure(now)
        running[job] = (now, isDue)
    }

    /// - Parameter isDone: false when the job ended without a result.
    package mutating func ended(_ job: JobID, isDone: Bool, now: Duration) {
        measure(now)
        guard let (began, isDue) = running.removeValue(forKey: job), isDone else { return }
        if isDue { ended += 1 }
        let new = (now - began) / .seconds(1)
        length = length.map { $0 + Self.weight * (new - $0) } ?? new
    }

    /// Jobs with a deadline so soon cannot all be done in the house; nil when the engine ends all in time.
    package func horizon(now: Duration) -> Duration? {
        let passed = now - plannedAt
        var jobs = Double(dueRunning)
        var horizon: Duration?
        for deadline in deadlines {
            jobs += Double(deadline.jobs)
            let left = max(.zero, deadline.left - passed)
            if !isMade(jobs, left / .seconds(1), now) { horizon = left }
        }
        return horizon
    }

    /// True when a job that starts now ends after its deadline, as others have run.
    package func isTooLate(_ left: Duration) -> Bool { length.map { left / .seconds(1) < $0 } ?? false }

    private var dueRunning: Int { running.values.count { $0.isDue } }

    private func isMade(_ jobs: Double, _ left: Double, _ now: Duration) -> Bool {
        let elapsed = seconds + (measuredAt.map { (now - $0) / .seconds(1) } ?? 0)
        // Nothing has ended yet: the engine counts as about to end a job.
        if ended < 0.5 && elapsed < Self.grace * left { return true }
        return jobs <= max(ended, 1) / max(elapsed, 1e-3) * left * Self.margin
    }

    /// Advances the measured time while jobs with a deadline wait or run.
    private mutating func measure(_ now: Duration) {
        guard dueRunning > 0 || !deadlines.isEmpty else {
            measuredAt = nil
            return
        }
        if let before = measuredAt {
            let step = (now - before) / .seconds(1)
            let part = 1 / (1 + step / Self.halfLife)
            (ended, seconds) = (ended * part, seconds * part + step)
        }
        measuredAt = now
    }
}
