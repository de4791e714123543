package import MoedCore
import MoedPostgres

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

/// Result of a round of maintenance.
package struct MaintenanceReport: Sendable, Equatable {
    package var rescue = RescueReport()
    /// Number of scheduled jobs that became queued.
    package var promoted = 0
    /// Number of jobs that ended because their deadline passed before they ran.
    package var expired = 0
    /// Number of jobs that ended because no worker ever registered their model.
    package var refused = 0

    package init() {}
}

/// Maintenance, which any worker may do at any time; two workers may do it at once.
extension JobStore {
    /// Does the maintenance that is due. One statement checks it first, because usually nothing is due.
    ///
    /// Jobs of workers that stopped over an hour ago are not checked: a daemon calls `rescue` itself at its start.
    package func maintain() async throws(QueueError) -> MaintenanceReport {
        let result = try await query(
            """
            SELECT EXISTS (SELECT FROM moed.worker WHERE stopped_at IS NULL AND expires_at < clock_timestamp())
                   OR EXISTS (SELECT FROM moed.worker w CROSS JOIN LATERAL (SELECT \(Self.runningOfWorker) LIMIT 1) j
                               WHERE w.stopped_at > clock_timestamp() - interval '1 hour') AS rescue,
                   EXISTS (SELECT FROM moed.job WHERE state = 'scheduled' AND run_at <= clock_timestamp()) AS promote,
                   EXISTS (SELECT FROM moed.usage_delta) AS fold,
                   EXISTS (SELECT FROM moed.job WHERE expires_at <= clock_timestamp() AND finished_at IS NULL
                                                  AND state IN ('queued', 'scheduled')) AS expire,
                   EXISTS (SELECT FROM moed.model m CROSS JOIN LATERAL (SELECT \(Self.queued) LIMIT 1) j
                            WHERE m.registered_at IS NULL) AS refuse
            """)
        let due = try await decodeOne(result) { row throws(DatabaseError) in
            try ["rescue", "promote", "fold", "expire", "refuse"].map { name throws(DatabaseError) -> Bool in
                try row.value(name)
            }
        }
        var report = MaintenanceReport()
        if due[0] { report.rescue = try await rescue() }
        if due[1] { report.promoted = try await promote() }
        if due[2] { try await foldUsage() }
        if due[3] { report.expired = try await expire() }
        if due[4] { report.refused = try await failUnknownModels() }
        return report
    }

    /// Jobs `q` that the worker `w` runs, for one subquery per worker. A join may start with the index entries of all
    /// jobs that ran since the oldest snapshot.
    private static let runningOfWorker: SQL =
        "FROM moed.job q WHERE q.state = 'running' AND q.leased_by = w.id AND q.lease_token >= w.first_token"

    /// Jobs `q` queued for the model `m`, in the order of the index. A join would read all queued jobs.
    private static let queued: SQL = """
        FROM moed.job q WHERE q.state = 'queued' AND q.model_id = m.id
         ORDER BY q.model_id, q.mode, q.bucket, q.tenant_id, -q.priority, q.id
        """

    /// Key of the advisory lock of `rescue`: "mres" in ASCII.
    private static let rescueKey: Int64 = 0x6D72_6573

    /// Declares workers dead whose lease has expired, and takes their jobs back.
    ///
    /// A crash may be another job's fault. The first one costs a job an attempt. The second one puts it into bucket −1,
    /// where it runs alone. A crash there ends it once its attempts are used up.
    package func rescue() async throws(QueueError) -> RescueReport {
        let takeBack = SQL(.takeBack, [.value(10 * Self.rowsPerStatementMax)])
        var report = RescueReport()
        do {
            report = try await connection.transaction { connection in
                let lock = try connection.query(
                    "SELECT pg_try_advisory_xact_lock(\(Self.rescueKey)) AS taken")
                guard try lock.rows.first?.value("taken") == true else { return RescueReport() }
                let workers = try connection.query(
                    """
                    UPDATE moed.worker SET stopped_at = clock_timestamp(), idle = false
                     WHERE stopped_at IS NULL AND expires_at < clock_timestamp()
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
        return report
    }

    /// Moves scheduled jobs that are due into the state queued.
    /// - Returns: number of jobs moved.
    package func promote() async throws(QueueError) -> Int {
        let result = try await query(
            """
            WITH due AS MATERIALIZED (
              SELECT id FROM moed.job WHERE state = 'scheduled' AND run_at <= clock_timestamp()
               ORDER BY run_at LIMIT \(Self.rowsPerStatementMax) FOR UPDATE SKIP LOCKED
            ), moved AS (UPDATE moed.job j SET state = 'queued' FROM due WHERE j.id = due.id RETURNING j.id),
            woken AS (SELECT moed.wake_idle() FROM moved LIMIT 1)
            SELECT (SELECT count(*) FROM moved) AS jobs, (SELECT count(*) FROM woken) AS woken
            """)
        return try await decodeOne(result) { row throws(DatabaseError) in try row.value("jobs") }
    }

    /// Fails queued jobs that name a model which no worker ever registered.
    /// - Returns: number of failed jobs.
    package func failUnknownModels() async throws(QueueError) -> Int {
        let result = try await query(SQL(.failUnknownModels, [.value(Self.rowsPerStatementMax)]))
        return try await decodeOne(result) { row throws(DatabaseError) in try row.value("jobs") }
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
              SELECT id, lease_token, expires_at FROM moed.job
               WHERE expires_at <= clock_timestamp() AND finished_at IS NULL AND state IN ('queued', 'scheduled')
               ORDER BY expires_at LIMIT \(Self.rowsPerStatementMax) FOR UPDATE SKIP LOCKED
            ), moved AS (
              UPDATE moed.job j SET state = 'failed', finished_at = clock_timestamp()
                FROM late l WHERE j.id = l.id RETURNING j.id
            ), result AS (
              INSERT INTO moed.job_result (job_id, lease_token, error_code, error_message)
              SELECT l.id, l.lease_token, 'expired', moed.expired_message(l.expires_at) FROM late l
            ), checkpoint AS (DELETE FROM moed.job_checkpoint k USING late l WHERE k.job_id = l.id)
            SELECT count(*) AS jobs FROM moved
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
            SELECT id FROM moed.job
             WHERE state = 'running' AND leased_by = \(worker.rawValue)
               AND lease_token >= (SELECT first_token FROM moed.worker WHERE id = \(worker.rawValue))
               AND (cancel_requested_at IS NOT NULL OR expires_at <= clock_timestamp()) ORDER BY id
            """)
        return try await decode(result) { row throws(DatabaseError) in JobID(try row.value("id")) }
    }
}
