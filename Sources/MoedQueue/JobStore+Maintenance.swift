package import MoedCore
import MoedPostgres

/// Maintenance, which any worker may do at any time; two workers may do it at once. Locked rows are skipped.
extension JobStore {
    /// Steps that have something to do; usually none. `prune` is not among them: the worker's retention decides.
    ///
    /// Jobs of workers that stopped over an hour ago are not checked: a daemon calls `rescue` itself at its start.
    package func dueMaintenance() async throws(QueueError) -> [MaintenanceStep] {
        let result = try await query(
            """
            SELECT EXISTS (SELECT FROM moed.worker WHERE stopped_at IS NULL AND expires_at < clock_timestamp())
                   OR EXISTS (SELECT FROM moed.worker w CROSS JOIN LATERAL (SELECT \(Self.runningOfWorker) LIMIT 1) j
                               WHERE w.stopped_at > clock_timestamp() - interval '1 hour') AS rescue,
                   EXISTS (SELECT FROM moed.job WHERE state = 'scheduled' AND run_at <= clock_timestamp()) AS promote,
                   EXISTS (SELECT FROM moed.usage_delta) AS usage,
                   EXISTS (SELECT FROM moed.job WHERE expires_at <= clock_timestamp() AND finished_at IS NULL
                                                  AND state IN ('queued', 'scheduled')) AS expire,
                   EXISTS (SELECT FROM (SELECT FROM moed.job q WHERE q.state = 'queued' AND q.model_id = 0
                             ORDER BY q.model_id, q.mode, q.bucket, q.tenant_id, -q.priority, q.id LIMIT 1) AS first)
                     AS models,
                   EXISTS (SELECT FROM moed.cancel_request) AS cancel
            """)
        return try await decodeOne(result) { row throws(DatabaseError) in
            var due: [MaintenanceStep] = []
            for step in MaintenanceStep.allCases where step != .prune {
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
        case .models: (report.resolved, report.refused) = try await resolveModels()
        case .cancel: report.cancelled = try await cancelRequested()
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

    /// Jobs `q` that the worker `w` runs, for one subquery per worker. A join may start with the index entries of all
    /// jobs that ran since the oldest snapshot.
    private static let runningOfWorker: SQL =
        "FROM moed.job q WHERE q.state = 'running' AND q.leased_by = w.id AND q.lease_token >= w.first_token"

    /// Maximum number of jobs that a step tries to lock. An open transaction may lock any number, and each costs some
    /// microseconds.
    private static let triedMax = 100_000

    /// Declares workers dead whose lease has expired, and takes their jobs back.
    ///
    /// A crash may be another job's fault. The first one costs a job an attempt. The second one puts it into bucket −1,
    /// where it runs alone. A crash there ends it once its attempts are used up. Two workers may rescue at once: each
    /// skips the rows that the other one holds.
    package func rescue() async throws(QueueError) -> RescueReport {
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
        let result = try await query(
            """
            WITH due AS MATERIALIZED (
              SELECT n.id FROM (
                SELECT id FROM moed.job WHERE state = 'scheduled' AND run_at <= clock_timestamp()
                 ORDER BY run_at LIMIT \(Self.triedMax)) w
                JOIN moed.job n ON n.id = w.id AND n.state::text = 'scheduled'
               LIMIT \(Self.rowsPerStatementMax) FOR UPDATE OF n SKIP LOCKED
            ), moved AS (UPDATE moed.job j SET state = 'queued' FROM due WHERE j.id = due.id RETURNING j.id),
            woken AS (SELECT moed.wake_idle() FROM moved LIMIT 1)
            SELECT (SELECT count(*) FROM moved) AS jobs, (SELECT count(*) FROM woken) AS woken
            """)
        return try await decodeOne(result) { row throws(DatabaseError) in try row.value("jobs") }
    }

    /// Looks up names of models that no worker had registered when the jobs were enqueued. Jobs fail whose name is
    /// still unknown.
    /// - Returns: numbers of jobs that got their model, and of failed ones.
    package func resolveModels() async throws(QueueError) -> (found: Int, failed: Int) {
        let result = try await query(SQL(.resolveModels, [.value(Self.rowsPerStatementMax)]))
        return try await decodeOne(result) { row throws(DatabaseError) in
            (try row.value("found"), try row.value("failed"))
        }
    }

    /// Cancels waiting jobs with a request, and deletes requests of jobs that have ended or are gone.
    /// - Returns: number of cancelled jobs.
    package func cancelRequested() async throws(QueueError) -> Int {
        let result = try await query(SQL(.cancelWaiting, [.value(Self.rowsPerStatementMax)]))
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
        let result = try await query(
            """
            WITH late AS MATERIALIZED (
              SELECT n.id, n.lease_token, n.expires_at FROM (
                SELECT id FROM moed.job
                 WHERE expires_at <= clock_timestamp() AND finished_at IS NULL AND state IN ('queued', 'scheduled')
                 ORDER BY expires_at LIMIT \(Self.triedMax)) w
                JOIN moed.job n ON n.id = w.id AND n.state::text IN ('queued', 'scheduled')
               LIMIT \(Self.rowsPerStatementMax) FOR UPDATE OF n SKIP LOCKED
            ), moved AS (
              UPDATE moed.job j SET state = 'failed', finished_at = clock_timestamp()
                FROM late l WHERE j.id = l.id RETURNING j.id
            ), result AS (
              INSERT INTO moed.job_result (job_id, lease_token, error_code, error_message)
              SELECT l.id, l.lease_token, 'expired', moed.expired_message(l.expires_at) FROM late l
            ), checkpoint AS (SELECT moed.waste_checkpoints(array_agg(l.id)) AS pieces FROM late l)
            SELECT count(*) AS jobs FROM moved CROSS JOIN checkpoint
            """)
        return try await decodeOne(result) { row throws(DatabaseError) in try row.value("jobs") }
    }

    /// Updates the usage of tenants: their budgets and shares are as old as the last call.
    package func foldUsage() async throws(QueueError) {
        _ = try await query("SELECT moed.fold_usage()")
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
