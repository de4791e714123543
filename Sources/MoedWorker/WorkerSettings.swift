/// Settings of the queue's side of a worker.
package struct WorkerSettings: Sendable, Equatable {
    /// libpq connection string or URI.
    package var conninfo: String
    package var pollInterval: Duration
    /// Time from a renewal until other workers may take over the jobs.
    package var lease: Duration
    /// Waiting time after which a job takes precedence over full batches.
    package var maxWait: Duration
    /// Maximum number of jobs per claim.
    package var claimMax: Int
    /// Retention time of ended jobs; zero keeps them for ever.
    package var retention: Duration
    /// Grace period in which running jobs may finish after a request to stop.
    package var shutdownGrace: Duration
    /// True when the worker ends once no job is left that it may run.
    package var drains: Bool

    /// Time between renewals. Three may be lost (failover, a long statement) before another worker can take the jobs.
    package var beatInterval: Duration { lease / 4 }

    /// Takes over those of `other` that may change while the worker runs.
    package mutating func reload(_ other: WorkerSettings) {
        (pollInterval, claimMax) = (other.pollInterval, other.claimMax)
        (retention, shutdownGrace) = (other.retention, other.shutdownGrace)
    }

    package init(
        conninfo: String, pollInterval: Duration = .seconds(2), lease: Duration = .seconds(60),
        maxWait: Duration = .seconds(60), claimMax: Int = 64
    ) {
        self.conninfo = conninfo
        self.pollInterval = pollInterval
        self.lease = lease
        self.maxWait = maxWait
        self.claimMax = claimMax
        retention = .zero
        shutdownGrace = .zero
        drains = false
    }
}
