/// A step of maintenance. Each fails alone: the others go on.
package enum MaintenanceStep: String, Sendable, CaseIterable {
    /// Declare workers dead whose lease has expired, and take their jobs back.
    case rescue
    /// Queue scheduled jobs that are due.
    case promote
    /// Add the ledger's new rows to the tenants' usage.
    case usage
    /// Fail waiting jobs past their deadline.
    case expire
    /// Add tenants that jobs name and that a transaction was adding when they were enqueued.
    case tenants
    /// Look up model names that no worker had registered, and fail the jobs of those that are still unknown.
    case models
    /// Cancel waiting jobs with a request, and delete requests of ended jobs.
    case cancel
    /// Notify the ends of batches that were imported with `notify`.
    case announce
    /// Add the last minute to the history that the page shows.
    case sample
    /// Delete jobs older than the retention.
    case prune

    /// True when the worker's clock decides when the step is due.
    package var isTimed: Bool { self == .sample || self == .prune }
}

/// Result of a rescue.
package struct RescueReport: Sendable, Equatable {
    /// Number of workers declared dead.
    package var workers = 0
    /// Number of jobs returned to the queue.
    package var requeued = 0
    /// Number of jobs without attempts left, ended as failed with `worker_lost`.
    package var failed = 0
    /// Number of jobs ended as cancelled, because their cancellation was requested.
    package var cancelled = 0

    package init(workers: Int = 0, requeued: Int = 0, failed: Int = 0, cancelled: Int = 0) {
        self.workers = workers
        self.requeued = requeued
        self.failed = failed
        self.cancelled = cancelled
    }
}

/// Result of one step of maintenance, or of several.
package struct MaintenanceReport: Sendable, Equatable {
    package var rescue = RescueReport()
    /// Number of scheduled jobs that became queued.
    package var promoted = 0
    /// Number of jobs that ended because their deadline passed before they ran.
    package var expired = 0
    /// Number of jobs that ended because no worker ever registered their model.
    package var refused = 0
    /// Number of jobs whose model was registered after they were enqueued.
    package var resolved = 0
    /// Number of waiting jobs that were cancelled on request.
    package var cancelled = 0

    package init() {}

    /// Adds the report of another step.
    package mutating func add(_ other: MaintenanceReport) {
        rescue.workers += other.rescue.workers
        rescue.requeued += other.rescue.requeued
        rescue.failed += other.rescue.failed
        rescue.cancelled += other.rescue.cancelled
        promoted += other.promoted
        expired += other.expired
        refused += other.refused
        resolved += other.resolved
        cancelled += other.cancelled
    }
}
