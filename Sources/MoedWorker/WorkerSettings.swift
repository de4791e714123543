/// Settings of the queue's side of a worker.
package struct WorkerSettings: Sendable, Equatable {
    /// libpq connection string or URI.
    package var conninfo: String
    package var pollInterval: Duration
    /// Time from a renewal until other workers may take the jobs over.
    package var lease: Duration
    /// A job that waited longer goes before full batches.
    package var maxWait: Duration
    /// Jobs of one claim at most.
    package var claimMax: Int
    /// Time that ended jobs are kept; zero keeps them for ever.
    package var retention: Duration
    /// Time that running jobs get to finish after a request to stop.
    package var shutdownGrace: Duration
    /// Ends when no job is left that this worker may run.
    package var drains: Bool

    /// Three renewals may be lost (failover, a long statement) before another worker can take the jobs.
    package var beatInterval: Duration { lease / 4 }

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
