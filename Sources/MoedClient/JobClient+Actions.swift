package import MoedPostgres

/// Changes of jobs, by the same functions as in SQL.
extension JobClient {
    /// Cancels one job. Returns `cancelled`, `requested`, its final state, or `unknown`.
    package func cancel(_ job: Int64) async throws(DatabaseError) -> String {
        try await value("SELECT moed.cancel(\(job)) AS value") ?? "unknown"
    }

    /// Cancels jobs that fulfil all conditions; returns how many.
    package func cancel(_ filter: JobFilter) async throws(DatabaseError) -> Int {
        try await value(
            """
            SELECT moed.cancel_jobs(batch => \(filter.batch)::uuid, model => \(filter.model),
                                    tenant => \(filter.tenant),
                                    state => \(filter.state)) AS value
            """) ?? 0
    }

    /// Cancels a batch, also while its lines are being added; returns how many jobs that stops.
    package func cancelBatch(_ batch: String) async throws(DatabaseError) -> Int {
        try await value("SELECT moed.cancel_batch(\(batch)::uuid) AS value") ?? 0
    }

    /// Queues one failed or cancelled job again; false when it is in another state.
    package func redrive(_ job: Int64) async throws(DatabaseError) -> Bool {
        try await value("SELECT moed.redrive(\(job)) AS value") ?? false
    }

    /// Queues failed and cancelled jobs again that fulfil all conditions; returns how many.
    package func redrive(_ filter: JobFilter) async throws(DatabaseError) -> Int {
        try await value(
            """
            SELECT moed.redrive_jobs(batch => \(filter.batch)::uuid, model => \(filter.model),
                                    tenant => \(filter.tenant),
                                     state => \(filter.state), error_code => \(filter.errorCode)) AS value
            """) ?? 0
    }

    /// Deletes jobs that ended longer ago; returns how many.
    package func prune(olderThan seconds: Double, limit: Int) async throws(DatabaseError) -> Int {
        try await value(
            "SELECT moed.prune(make_interval(secs => \(seconds)), \(Int32(clamping: limit))) AS value") ?? 0
    }

    /// Number of jobs that ended longer ago.
    package func countPrunable(olderThan seconds: Double) async throws(DatabaseError) -> Int {
        try await value(
            """
            SELECT count(*) AS value FROM moed.job j
             WHERE j.finished_at < clock_timestamp() - make_interval(secs => \(seconds))
            """) ?? 0
    }

    /// Pauses or resumes everything, a model or a tenant. Returns how many pauses are in force.
    package func setPaused(_ kind: String, _ name: String?, _ isPaused: Bool) async throws(DatabaseError)
        -> Int
    {
        try await value(
            isPaused
                ? "SELECT moed.pause(\(kind), \(name)) AS value"
                : "SELECT moed.resume(\(kind), \(name)) AS value") ?? 0
    }
}
