import MoedCore
import MoedPostgres

/// Registration of a daemon at its start.
package struct WorkerRegistration: Sendable {
    package var host: String
    package var pid: Int32
    package var version: String
    /// Names of the models it serves, including `default` when it runs jobs that name no model.
    package var models: [String]
    package var lease: Duration

    package init(host: String, pid: Int32, version: String, models: [String], lease: Duration) {
        self.host = host
        self.pid = pid
        self.version = version
        self.models = models
        self.lease = lease
    }
}

/// State of a daemon that it reports at every beat.
package struct WorkerBeat: Sendable {
    /// Time from now until the lease expires.
    package var lease: Duration
    /// True when the worker waits for jobs; enqueueing then notifies it.
    package var idle: Bool
    package var running: Int
    package var tokensPerSecond: Double
    /// Status line for people.
    package var status: String

    package init(
        lease: Duration, idle: Bool, running: Int = 0, tokensPerSecond: Double = 0, status: String = ""
    ) {
        self.lease = lease
        self.idle = idle
        self.running = running
        self.tokensPerSecond = tokensPerSecond
        self.status = status
    }
}

extension JobStore {
    /// Adds a worker and registers its models.
    package func registerWorker(_ worker: WorkerRegistration) async throws(QueueError) -> WorkerID {
        let result = try await query(
            """
            WITH named AS (
              INSERT INTO moed.model (name, registered_at)
              SELECT DISTINCT n, clock_timestamp() FROM unnest(\(SQLArray(worker.models.map { $0.withoutNUL }))) AS n
              ON CONFLICT (name) DO UPDATE
                 SET registered_at = coalesce(moed.model.registered_at, excluded.registered_at)
              RETURNING id
            )
            INSERT INTO moed.worker (host, pid, version, models, expires_at)
            SELECT \(worker.host), \(worker.pid), \(worker.version),
                   ARRAY(SELECT id FROM named ORDER BY 1),
                   clock_timestamp() + make_interval(secs => \(seconds(worker.lease)))
            RETURNING id
            """)
        return try await decodeOne(result) { row throws(DatabaseError) in WorkerID(try row.value("id")) }
    }

    /// Renews the lease.
    ///
    /// - Returns: false when the worker was declared dead: it has lost its jobs and must register again. An expired
    ///   lease of a worker that nobody declared dead is renewed.
    package func beat(_ worker: WorkerID, _ beat: WorkerBeat) async throws(QueueError) -> Bool {
        let result = try await query(
            """
            UPDATE moed.worker
               SET expires_at = clock_timestamp() + make_interval(secs => \(seconds(beat.lease))),
                   seen_at = clock_timestamp(), idle = \(beat.idle), running = \(Int32(clamping: beat.running)),
                   tokens_per_second = \(beat.tokensPerSecond), status = \(beat.status.withoutNUL),
                   first_token = coalesce(
                     (SELECT min(j.lease_token) FROM moed.job j
                       WHERE j.state = 'running' AND j.leased_by = \(worker.rawValue)
                         AND j.lease_token >= moed.worker.first_token),
                     pg_sequence_last_value('moed.lease_token_seq'), 0)
             WHERE id = \(worker.rawValue) AND stopped_at IS NULL
            """)
        return result.affected == 1
    }

    /// Leases of all jobs that this worker runs according to the database, also below its `first_token`. The statement
    /// that claimed them may have outlived its connection and the next beat.
    package func leases(of worker: WorkerID) async throws(QueueError) -> [JobLease] {
        let held = try await query(
            "SELECT id, lease_token FROM moed.job WHERE state = 'running' AND leased_by = \(worker.rawValue)")
        return try await decode(held) { row throws(DatabaseError) in
            JobLease(job: JobID(try row.value("id")), token: try row.value("lease_token"))
        }
    }

    /// Ends a worker. Its remaining jobs return to the queue without using an attempt.
    package func unregister(_ worker: WorkerID) async throws(QueueError) {
        _ = try await release(try await leases(of: worker).map { JobRelease(lease: $0) })
        _ = try await query(
            """
            UPDATE moed.worker SET stopped_at = clock_timestamp(), idle = false, running = 0
             WHERE id = \(worker.rawValue) AND stopped_at IS NULL
            """)
    }

    func seconds(_ duration: Duration) -> Double { Double(duration.milliseconds) / 1000 }
}
