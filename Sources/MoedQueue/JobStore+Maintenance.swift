package import MoedCore
import MoedPostgres

/// Maintenance, which any worker may do at any time; two workers may do it at once. Locked rows are skipped.
extension JobStore {
    /// Steps that have something to do; usually none. Those of the worker's clock are not among them.
    ///
    /// Jobs of workers that stopped over an hour ago are not checked: a daemon calls `rescue` itself at its start.
    package func dueMaintenance() async throws(QueueError) -> [MaintenanceStep] {
        let result = try await query(SQL(.dueMaintenance, [.value(3600)]))
        return try await decodeOne(result) { row throws(DatabaseError) in
            var due: [MaintenanceStep] = []
            for step in MaintenanceStep.allCases where !step.isTimed {
                if try row.value(step.rawValue) { due.append(step) }
            }
            return due
        }
    }

    /// Does one step.
    package func maintain(_ step: MaintenanceStep) async throws(QueueError) -> MaintenanceReport {
        var report = MaintenanceReport()
        switch step {
        case .rescue: report.rescue = try await rescue()
        case .promote: report.promoted = try await promote()
        case .usage: try await foldUsage()
        case .expire: report.expired = try await expire()
        case .tenants: try await addTenants()
        case .models: (report.resolved, report.refused) = try await resolveModels()
        case .cancel: report.cancelled = try await cancelRequested()
        case .announce: try await announceBatches()
        case .sample: _ = try await query("SELECT moed.add_sample()")
        case .prune: break
        }
        return report
    }

    /// Does all steps that are due, one after another. The first error ends it.
    package func maintain() async throws(QueueError) -> MaintenanceReport {
        var report = MaintenanceReport()
        for step in try await dueMaintenance() { report.add(try await maintain(step)) }
        return report
    }

    /// Maximum number of jobs that a step tries to lock, shared by the tenants. An open transaction may lock any
    /// number, and each costs some microseconds.
    private static let triedMax = 5000
    private static let limits: [SQL.Bind] = [.value(triedMax), .value(rowsPerStatementMax)]

    /// Declares workers dead whose lease has expired, and takes their jobs back.
    ///
    /// A crash may be another job's fault. The first one costs a job an attempt. The second one puts it into bucket −1,
    /// where it runs alone. A crash there ends it once its attempts are used up. Two workers may rescue at once: each
    /// skips the rows that the other one holds.
    package func rescue() async throws(QueueError) -> RescueReport {
        let lose = SQL(.loseRequests, [.value(10 * Self.rowsPerStatementMax)])
        let takeBack = SQL(.takeBack, [.value(10 * Self.rowsPerStatementMax)])
        do {
            return try await connection.transaction { connection in
                let workers = try connection.query(
                    """
                    UPDATE moed.worker w SET stopped_at = clock_timestamp(), idle = false
                     WHERE w.id = ANY (ARRAY(
                       SELECT d.id FROM moed.worker d
                        WHERE d.stopped_at IS NULL AND d.expires_at < clock_timestamp() FOR UPDATE SKIP LOCKED))
                    """)
                var report = RescueReport(workers: workers.affected)
                try connection.query(lose)
                for row in try connection.query(takeBack).rows {
                    let jobs: Int = try row.value("jobs")
                    switch try row.value("state", as: String.self) {
                    case "failed": report.failed = jobs
                    case "cancelled": report.cancelled = jobs
                    default: report.requeued = jobs
                    }
                }
                if report.requeued > 0 { try connection.query("SELECT moed.wake_idle()") }
                return report
            }
        } catch let error as DatabaseError {
            throw QueueError(error)
        } catch {
            throw QueueError(.database, "\(error)")
        }
    }

    /// Moves scheduled jobs that are due into the state queued.
    /// - Returns: number of jobs moved.
    package func promote() async throws(QueueError) -> Int {
        let result = try await query(SQL(.promote, Self.limits))
        return try await decodeOne(result) { row throws(DatabaseError) in try row.value("jobs") }
    }

    /// Looks up names of models that no worker had registered when the jobs were enqueued. Jobs fail whose name is
    /// still unknown.
    /// - Returns: numbers of jobs that got their model, and of failed ones.
    package func resolveModels() async throws(QueueError) -> (found: Int, failed: Int) {
        let result = try await query(SQL(.resolveModels, Self.limits))
        return try await decodeOne(result) { row throws(DatabaseError) in
            (try row.value("found"), try row.value("failed"))
        }
    }

    /// Cancels waiting jobs with a request, and deletes requests of jobs that have ended or are gone.
    /// - Returns: number of cancelled jobs.
    package func cancelRequested() async throws(QueueError) -> Int {
        let result = try await query(SQL(.cancelWaiting, Self.limits))
        let cancelled = try await decodeOne(result) { row throws(DatabaseError) -> Int in try row.value("jobs") }
        _ = try await query(
            """
            DELETE FROM moed.cancel_request c WHERE c.id = ANY (ARRAY(
              SELECT r.id FROM moed.cancel_request r
               WHERE NOT EXISTS (SELECT FROM moed.job j WHERE j.id = r.job_id AND j.finished_at IS NULL)
               ORDER BY r.id LIMIT \(10 * Self.rowsPerStatementMax) FOR UPDATE SKIP LOCKED))
            """)
        return cancelled
    }

    /// Deletes jobs that ended longer ago than `age`, the oldest first; their token account stays.
    /// - Returns: number of deleted jobs; `limit` when more may be left.
    package func prune(olderThan age: Duration, limit: Int = rowsPerStatementMax) async throws(QueueError)
        -> Int
    {
        let result = try await query(
            "SELECT moed.prune(make_interval(secs => \(seconds(age))), \(Int32(clamping: limit))) AS jobs")
        return try await decodeOne(result) { row throws(DatabaseError) in try row.value("jobs") }
    }

    /// Fails waiting jobs that are past their deadline.
    /// - Returns: number of failed jobs.
    package func expire() async throws(QueueError) -> Int {
        let result = try await query(SQL(.expire, Self.limits))
        return try await decodeOne(result) { row throws(DatabaseError) in try row.value("jobs") }
    }

    /// Updates the usage of tenants: their budgets and shares are as old as the last call.
    package func foldUsage() async throws(QueueError) {
        _ = try await query("SELECT moed.fold_usage()")
    }

    /// Notifies the ends of batches that asked for it.
    package func announceBatches() async throws(QueueError) {
        let (batches, lines) = (Self.rowsPerStatementMax, 20 * Self.rowsPerStatementMax)
        _ = try await query(SQL(.announceBatches, [.value(batches), .value(lines)]))
    }

    /// Adds tenants of committed jobs that are missing: another transaction was adding them, and was rolled back.
    package func addTenants() async throws(QueueError) {
        _ = try await query("SELECT moed.add_requested_tenants()")
    }

    /// Jobs of this worker that it must stop and release: they were cancelled or are past their deadline.
    package func toBeStopped(_ worker: WorkerID) async throws(QueueError) -> [JobID] {
        let result = try await query(
            """
            SELECT j.id FROM moed.job j
             WHERE j.state = 'running' AND j.leased_by = \(worker.rawValue)
               AND j.lease_token >= (SELECT first_token FROM moed.worker WHERE id = \(worker.rawValue))
               AND (j.cancel_requested_at IS NOT NULL OR j.expires_at <= clock_timestamp()
                    OR EXISTS (SELECT FROM moed.cancel_request r WHERE r.job_id = j.id)) ORDER BY j.id
            """)
        return try await decode(result) { row throws(DatabaseError) in JobID(try row.value("id")) }
    }
}
