/// Number of queued jobs with about the same deadline.
package struct DeadlineCount: Sendable, Equatable {
    /// Time until the first of these deadlines.
    package var left: Duration
    package var jobs: Int

    package init(left: Duration, jobs: Int) { (self.left, self.jobs) = (left, jobs) }
}

/// Room for jobs whose deadline is near, where other jobs get none.
package struct UrgentRoom: Sendable, Equatable {
    package var jobs: Int
    /// Maximum time until the deadline of a job.
    package var within: Duration

    package init(jobs: Int, within: Duration) { (self.jobs, self.within) = (jobs, within) }
}
