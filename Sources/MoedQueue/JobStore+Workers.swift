package import MoedCore
import MoedPostgres

/// Registration of a daemon at its start.
package struct WorkerRegistration: Sendable {
    package var host: String
    package var pid: Int32
    package var version: String
    /// Names of the models it serves, including `default` when it runs jobs that name no model.
    package var models: [String]
    package var lease: Duration
    /// True when it runs jobs of tenants that may not leave the house.
    package var isHouse: Bool

    package init(
        host: String, pid: Int32, version: String, models: [String], lease: Duration, isHouse: Bool = true
    ) {
        self.host = host
        self.pid = pid
        self.version = version
        self.models = models
        self.lease = lease
        self.isHouse = isHouse
    }
}

/// State of a daemon that it reports with every renewal of its lease.
package struct WorkerBeat: Sendable {
    /// Time from now until the lease expires.
    package var lease: Duration
    /// True when the worker waits for jobs; enqueueing then notifies it.
    package var idle: Bool
    package var running: Int
    package var tokensPerSecond: Double
    /// Status line for people.
    package var status: String
    /// A lower bound of the lease tokens of its jobs, from `firstToken(of:)`; nil leaves the stored one.
    package var firstToken: Int64?

    package init(
        lease: Duration, idle: Bool, running: Int = 0, tokensPerSecond: Double = 0, status: String = "",
        firstToken: Int64? = nil
    ) {
        self.lease = lease
        self.idle = idle
        self.running = running
        self.tokensPerSecond = tokensPerSecond
        self.status = status
        self.firstToken = firstToken
    }
}

extension JobStore {
    /// Adds a worker. Of its models, it serves those that are registered; see `registerModels`.
    package func registerWorker(_ worker: WorkerRegistration) async throws(QueueError) -> WorkerID {
        let result = try await query(
            """
            INSERT INTO moed.worker (host, pid, version, is_house, models, expires_at)
            SELECT \(worker.host), \(worker.pid), \(worker.version), \(worker.isHouse),
                   ARRAY(SELECT m.id FROM moed.model m WHERE m.registered_at IS NOT NULL
                            AND m.name = ANY (\(SQLArray(worker.models.map { $0.withoutNUL }))) ORDER BY m.id),
                   clock_timestamp() + make_interval(secs => \(seconds(worker.lease)))
            RETURNING id
            """)
        return try await decodeOne(result) { row throws(DatabaseError) in WorkerID(try row.value("id")) }
    }

    /// Registers the names of a worker's models that are new, each by a statement of its own.
    ///
    /// A name that another transaction is adding or changing is left for a later call.
    ///
    /// - Returns: true when all names are registered.
    package func registerModels(_ worker: WorkerID, _ models: [String]) async throws(QueueError) -> Bool {
        let names = models.map { $0.withoutNUL }
        for name in try await unregistered(names) {
            do throws(QueueError) {
                _ = try await query(
                    """
                    WITH known AS (
                      UPDATE moed.model SET registered_at = clock_timestamp() WHERE id = (
                        SELECT m.id FROM moed.model m
                         WHERE m.name = \(name) AND m.registered_at IS NULL FOR UPDATE SKIP LOCKED))
                    INSERT INTO moed.model (name, registered_at)
                    SELECT \(name), clock_timestamp()
                     WHERE NOT EXISTS (SELECT FROM moed.model m WHERE m.name = \(name))
                    ON CONFLICT (name) DO NOTHING
                    """)
            } catch where error.isHeldUp {
                continue
            }
        }
        _ = try await query(
            """
            UPDATE moed.worker w SET models = k.ids FROM (
              SELECT ARRAY(SELECT m.id FROM moed.model m WHERE m.registered_at IS NOT NULL
                              AND m.name = ANY (\(SQLArray(names))) ORDER BY m.id) AS ids) AS k
             WHERE w.id = \(worker.rawValue) AND w.models <> k.ids
            """)
        return try await unregistered(names).isEmpty
    }

    /// Records once what a runner's answers depend on. Attempts refer to it by digest and model.
    package func registerOrigin(_ origin: RunnerOrigin) async throws(QueueError) {
        let (digest, model) = (origin.digest, origin.model.withoutNUL)
        _ = try await query(
            """
            INSERT INTO moed.origin (digest, model, formats, details)
            SELECT \(digest), \(model), \(origin.formats), \(JSONValue.object(origin.details).serialized())::json
             WHERE NOT EXISTS (SELECT FROM moed.origin o WHERE o.digest = \(digest) AND o.model = \(model))
            ON CONFLICT (digest, model) DO NOTHING
            """)
    }

    private func unregistered(_ names: [String]) async throws(QueueError) -> [String] {
        let result = try await query(
            """
            SELECT DISTINCT n AS name FROM unnest(\(SQLArray(names))) AS n
             WHERE NOT EXISTS (SELECT FROM moed.model m WHERE m.name = n AND m.registered_at IS NOT NULL)
            """)
        return try await decode(result) { row throws(DatabaseError) in try row.value("name") }
    }

    /// Renews the lease. The statement reads and writes only the worker's own row.
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
                   first_token = greatest(first_token, \(beat.firstToken ?? 0))
             WHERE id = \(worker.rawValue) AND stopped_at IS NULL
            """)
        return result.affected == 1
    }

    /// A lower bound of the lease tokens of the jobs that this worker runs, and of all later claims. It is read on the
    /// connection of the claims, so that no claim is under way.
    package func firstToken(of worker: WorkerID) async throws(QueueError) -> Int64 {
        let result = try await query(
            """
            SELECT coalesce(
                     (SELECT min(j.lease_token) FROM moed.job j
                       WHERE j.state = 'running' AND j.leased_by = \(worker.rawValue)
                         AND j.lease_token >= (
                           SELECT w.first_token FROM moed.worker w WHERE w.id = \(worker.rawValue))),
                     pg_sequence_last_value('moed.lease_token_seq'), 0) AS token
            """)
        return try await decodeOne(result) { row throws(DatabaseError) in try row.value("token") }
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
