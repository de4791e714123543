package import MoedCore
import MoedPostgres
package import MoedQueue

/// Injected faults, and the queries that check their effects.
extension RehearsalDatabase {
    /// Expires a worker's lease.
    package func lapse(_ worker: WorkerID) async throws(QueueError) {
        _ = try await run(
            """
            UPDATE moed.worker SET expires_at = clock_timestamp() - interval '1 s' WHERE id = \(worker.rawValue)
            """)
    }

    /// Terminates backends of simulated workers' connections to this database.
    ///
    /// - Parameter limit: maximum number of connections, chosen at random.
    /// - Returns: number of terminated connections.
    @discardableResult
    package func cutConnections(limit: Int) async throws(QueueError) -> Int {
        try await count(
            """
            SELECT count(pg_terminate_backend(a.pid)) AS value FROM (
              SELECT pid FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'moed simulated'
               ORDER BY random() LIMIT \(limit)) AS a
            """)
    }

    /// Enqueues one job and returns its id; with `keep` false the transaction is rolled back.
    package func enqueueOnce(key: String, keep: Bool) async throws(QueueError) -> JobID {
        let connection = try await connect()
        let job = try await queueing { () async throws(DatabaseError) in
            try await connection.query("BEGIN")
            let result = try await connection.query(
                "SELECT moed.enqueue(prompt => 'once', idempotency_key => \(key)) AS id")
            try await connection.query(keep ? "COMMIT" : "ROLLBACK")
            return JobID(try result.rows.first?.value("id") ?? 0)
        }
        await connection.close()
        return job
    }

    package func jobs(key: String) async throws(QueueError) -> [JobID] {
        let ids: [Int64] = try await all(
            "SELECT id AS value FROM moed.job WHERE idempotency_key = \(key) ORDER BY id")
        return ids.map(JobID.init)
    }

    /// - Returns: the result of `moed.cancel`.
    package func cancel(_ job: JobID) async throws(QueueError) -> String {
        try await text("SELECT moed.cancel(\(job.rawValue)) AS value")
    }

    package func setWeight(_ weight: Double, of tenant: String) async throws(QueueError) {
        _ = try await run("UPDATE moed.tenant SET weight = \(weight) WHERE name = \(tenant)")
    }

    package func state(_ job: JobID) async throws(QueueError) -> String {
        try await text("SELECT state::text AS value FROM moed.job WHERE id = \(job.rawValue)")
    }

    /// Number of succeeded jobs whose answer or token account differs from `SimulatedWorker`'s.
    package func wrongAnswers() async throws(QueueError) -> Int {
        try await count(
            """
            SELECT count(*) AS value FROM moed.job j JOIN moed.job_result r ON r.job_id = j.id
              JOIN moed.token_ledger l ON l.job_id = j.id AND l.kind = 'final'
             WHERE j.state = 'succeeded'
               AND (r.content <> 'answer to ' || j.id OR l.answer_tokens <> 1 + j.id % 50 OR l.prompt_tokens <> 12)
            """)
    }

    /// Number of jobs in any state but `state`.
    package func jobs(notIn state: String) async throws(QueueError) -> Int {
        try await count("SELECT count(*) AS value FROM moed.job WHERE state <> \(state)::moed.job_state")
    }

    /// Expires every worker's lease.
    package func lapseAll() async throws(QueueError) {
        _ = try await run("UPDATE moed.worker SET expires_at = clock_timestamp() - interval '1 s'")
    }

    /// Deletes the tenants' usage.
    package func forgetUsage() async throws(QueueError) {
        _ = try await run("DELETE FROM moed.usage_delta")
        _ = try await run("DELETE FROM moed.tenant_usage")
    }

    package func waiting(priority: Int) async throws(QueueError) -> Int {
        try await count(
            "SELECT count(*) AS value FROM moed.job WHERE state = 'queued' AND priority = \(priority)")
    }

    package func billedAlthoughCancelled() async throws(QueueError) -> Int {
        try await count(
            """
            SELECT count(*) AS value FROM moed.job j JOIN moed.token_ledger l ON l.job_id = j.id AND l.kind = 'final'
             WHERE j.state = 'cancelled'
            """)
    }

    /// Damages the tables beyond any worker's reach: changes one job's answer and deletes another job's account.
    package func forge(_ changed: JobID, _ unaccounted: JobID) async throws(QueueError) {
        _ = try await run("UPDATE moed.job_result SET content = 'forged' WHERE job_id = \(changed.rawValue)")
        _ = try await run("DELETE FROM moed.token_ledger WHERE job_id = \(unaccounted.rawValue)")
    }

    /// Number of connections to this database that are waiting for the lock that NOTIFY takes at commit.
    package func notifyWaits() async throws(QueueError) -> Int {
        // The lock is on “object 0 of class 1262 (pg_database)”. All databases of the server share it, so other
        // databases' connections wait for it, too.
        try await count(
            """
            SELECT count(*) AS value FROM pg_locks l
              JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()
             WHERE l.locktype = 'object' AND l.classid = 1262 AND l.objid = 0 AND NOT l.granted
            """)
    }

    /// Enqueues `jobs` jobs on a connection of its own, one transaction each.
    package func enqueueOneByOne(_ jobs: Int) async throws(QueueError) {
        let connection = try await connect()
        try await queueing { () async throws(DatabaseError) in
            for _ in 0..<jobs {
                try await connection.query(
                    "SELECT moed.enqueue(prompt => 'job', reasoning => 'non_thinking', max_tokens => 1)")
            }
        }
        await connection.close()
    }

    /// Imports a batch of `lines` lines and returns its id.
    package func importBatch(lines: Int) async throws(QueueError) -> String {
        try await text(
            """
            SELECT moed.import_batch('round trip', (
              SELECT string_agg(json_build_object('custom_id', 'c' || i, 'body', json_build_object(
                       'messages', json_build_array(json_build_object('role', 'user', 'content', 'job')),
                       'max_tokens', 1, 'reasoning_effort', 'none'))::text, E'\\n' ORDER BY i)
                FROM generate_series(1, \(lines)::int) AS i))::text AS value
            """)
    }

    /// Number of distinct lines of a batch's export that are successful answers at their input position.
    package func exportedInOrder(_ batch: String) async throws(QueueError) -> Int {
        try await count(
            """
            SELECT count(*) AS value FROM (
              SELECT DISTINCT ON (line::json ->> 'custom_id') line::json AS line, number
                FROM moed.export_batch(\(batch)::uuid) WITH ORDINALITY AS e(line, number)) AS once
             WHERE line -> 'response' ->> 'status_code' = '200' AND line ->> 'custom_id' = 'c' || number
            """)
    }

    /// True when the batch is complete and its token sums equal those of the results and of the ledger.
    package func sumsAgree(_ batch: String) async throws(QueueError) -> Bool {
        try await count(
            """
            SELECT count(*) AS value FROM moed.batches b
             WHERE b.id = \(batch)::uuid AND b.status = 'completed' AND b.completed = b.lines
               AND b.total_tokens = (SELECT sum(l.total_tokens) FROM moed.token_ledger l WHERE l.kind = 'final')
               AND b.completion_tokens = (SELECT sum(1 + j.id % 50) FROM moed.job j)
            """) == 1
    }
}
