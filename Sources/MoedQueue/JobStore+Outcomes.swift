import MoedCore
import MoedPostgres

/// A job is found by its id alone: “state = 'running'” would offer the index of running jobs.
extension JobStore {
    /// Writes answers: state, result, ledger row and attempt of each in one statement, fenced by the lease.
    ///
    /// - Returns: what became of each, in order. Repeating the call after an unknown outcome is safe.
    package func complete(_ completions: [JobCompletion]) async throws(QueueError) -> [Disposition] {
        let bytes = { (completion: JobCompletion) in
            completion.content.utf8.count + (completion.reasoning?.utf8.count ?? 0)
                + completion.body.utf8.count
        }
        return try await settle(completions, { $0.lease }, bytes: bytes, as: ["succeeded"], Self.completion)
    }

    private static func completion(_ batch: [JobCompletion]) -> SQL {
        let usage = UsageColumns(batch.map { ($0.usage, $0.wall) })
        return """
            WITH c AS (
              SELECT * FROM unnest(
                \(SQLArray(batch.map(\.lease.job.rawValue))), \(SQLArray(batch.map(\.lease.token))),
                \(SQLArray(batch.map(\.content.withoutNUL))), \(SQLArray(batch.map { $0.reasoning?.withoutNUL })),
                \(SQLArray(batch.map(\.finishReason.rawValue))), \(SQLArray(batch.map(\.body))),
                \(SQLArray(batch.map { Int64(bitPattern: $0.seed) })),
                \(SQLArray(batch.map { SQLArray($0.warnings.map { $0.withoutNUL }).sqlText })),
                \(usage.prompt), \(usage.cached), \(usage.thinking), \(usage.injected), \(usage.answer),
                \(usage.recomputed), \(usage.wall))
              AS c(job_id, lease_token, content, reasoning, finish_reason, body, seed, warnings,
                   prompt, cached, thinking, injected, answer, recomputed, wall_ms)
            ), done AS (
              UPDATE moed.job j SET state = 'succeeded', finished_at = clock_timestamp(), leased_by = NULL
                FROM c WHERE j.id = c.job_id AND j.state::text = 'running' AND j.lease_token = c.lease_token
              RETURNING j.id, j.lease_token, j.tenant_id, j.model_id, j.mode, j.attempt, j.started_at, j.finished_at
            ), result AS (
              INSERT INTO moed.job_result (job_id, lease_token, finish_reason, content, reasoning, body, seed, warnings)
              SELECT d.id, d.lease_token, c.finish_reason, c.content, c.reasoning, c.body::json, c.seed,
                     c.warnings::text[]
                FROM done d JOIN c ON c.job_id = d.id
            ), ledger AS (
              INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens,
                cached_tokens, thinking_tokens, injected_tokens, answer_tokens, recomputed_tokens, wall_ms)
              SELECT d.id, d.lease_token, 'final', d.tenant_id, d.model_id, d.mode, c.prompt,
                     c.cached, c.thinking, c.injected, c.answer, c.recomputed, c.wall_ms
                FROM done d JOIN c ON c.job_id = d.id
            ), attempt AS (
              \(attemptsEnd(
                  """
                  SELECT d.id, d.lease_token, d.attempt, o.leased_by, d.started_at, d.finished_at, 'succeeded', NULL,
                         NULL
                    FROM done d JOIN moed.job o ON o.id = d.id
                  """))
            ), checkpoint AS (DELETE FROM moed.job_checkpoint k USING done d WHERE k.job_id = d.id)
            SELECT id, lease_token FROM done
            """
    }

    /// Writes failures: final, or queued again after a pause of 2^attempt seconds (at most 5 minutes, give or take a
    /// quarter) when retryable and attempts are left.
    package func fail(_ failures: [JobFailure]) async throws(QueueError) -> [Disposition] {
        try await settle(failures, { $0.lease }, as: ["failed", "retried", "cancelled"], Self.failure)
    }

    private static func failure(_ batch: [JobFailure]) -> SQL {
        let usage = UsageColumns(batch.map { ($0.usage, $0.wall) })
        return """
            WITH c AS (
              SELECT * FROM unnest(
                \(SQLArray(batch.map(\.lease.job.rawValue))), \(SQLArray(batch.map(\.lease.token))),
                \(SQLArray(batch.map(\.code.withoutNUL))), \(SQLArray(batch.map(\.message.withoutNUL))),
                \(SQLArray(batch.map { $0.param?.withoutNUL })), \(SQLArray(batch.map(\.retryable))),
                \(usage.prompt), \(usage.cached), \(usage.thinking), \(usage.injected), \(usage.answer),
                \(usage.recomputed), \(usage.wall))
              AS c(job_id, lease_token, code, message, param, retryable,
                   prompt, cached, thinking, injected, answer, recomputed, wall_ms)
            ), next AS MATERIALIZED (
              SELECT c.*, j.tenant_id, j.model_id, j.mode, j.attempt, j.leased_by, j.started_at,
                     CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'
                          WHEN c.retryable AND j.attempt < j.max_attempts THEN 'scheduled'
                          ELSE 'failed' END::moed.job_state AS state,
                     make_interval(secs => least(300, power(2, least(j.attempt, 9))) * (0.75 + random() / 2)) AS pause
                FROM c JOIN moed.job j
                  ON j.id = c.job_id AND j.state::text = 'running' AND j.lease_token = c.lease_token
                 FOR UPDATE OF j
            ), done AS (
              UPDATE moed.job j
                 SET state = n.state, leased_by = NULL,
                     finished_at = CASE WHEN n.state <> 'scheduled' THEN clock_timestamp() END,
                     run_at = CASE WHEN n.state = 'scheduled' THEN clock_timestamp() + n.pause ELSE j.run_at END
                FROM next n WHERE j.id = n.job_id
              RETURNING j.id, j.lease_token
            ), result AS (
              INSERT INTO moed.job_result (job_id, lease_token, error_code, error_message, error_param)
              SELECT n.job_id, n.lease_token, n.code, n.message, n.param FROM next n WHERE n.state = 'failed'
            ), ledger AS (
              INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens,
                cached_tokens, thinking_tokens, injected_tokens, answer_tokens, recomputed_tokens, wall_ms)
              SELECT n.job_id, n.lease_token, 'wasted', n.tenant_id, n.model_id, n.mode, n.prompt,
                     n.cached, n.thinking, n.injected, n.answer, n.recomputed, n.wall_ms
                FROM next n WHERE n.prompt + n.thinking + n.injected + n.answer + n.recomputed > 0
            ), attempt AS (
              \(attemptsEnd(
                  """
                  SELECT n.job_id, n.lease_token, n.attempt, n.leased_by, n.started_at, clock_timestamp(),
                         CASE n.state WHEN 'scheduled' THEN 'retried' ELSE n.state::text END, n.code, n.message
                    FROM next n
                  """))
            ), checkpoint AS (
              DELETE FROM moed.job_checkpoint k USING next n WHERE k.job_id = n.job_id AND n.state <> 'scheduled'
            )
            SELECT id, lease_token FROM done
            """
    }

    /// Gives running jobs back to the queue without having used an attempt; those whose cancellation was asked for
    /// end as cancelled, those past their deadline as failed with `expired`.
    package func release(_ releases: [JobRelease]) async throws(QueueError) -> [Disposition] {
        let dispositions = try await settle(
            releases, { $0.lease }, as: ["released", "cancelled", "failed"], Self.returned)
        if dispositions.contains(.committed) { _ = try await query("SELECT moed.wake_idle()") }
        return dispositions
    }

    private static func returned(_ batch: [JobRelease]) -> SQL {
        let usage = UsageColumns(batch.map { ($0.usage, $0.wall) })
        return """
            WITH c AS (
              SELECT * FROM unnest(
                \(SQLArray(batch.map(\.lease.job.rawValue))), \(SQLArray(batch.map(\.lease.token))),
                \(usage.prompt), \(usage.cached), \(usage.thinking), \(usage.injected), \(usage.answer),
                \(usage.recomputed), \(usage.wall))
              AS c(job_id, lease_token, prompt, cached, thinking, injected, answer, recomputed, wall_ms)
            ), next AS MATERIALIZED (
              SELECT c.*, j.tenant_id, j.model_id, j.mode, j.attempt, j.leased_by, j.started_at, j.expires_at,
                     CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'
                          WHEN j.expires_at <= clock_timestamp() THEN 'failed'
                          ELSE 'queued' END::moed.job_state AS state
                FROM c JOIN moed.job j
                  ON j.id = c.job_id AND j.state::text = 'running' AND j.lease_token = c.lease_token
                 FOR UPDATE OF j
            ), done AS (
              UPDATE moed.job j
                 SET state = n.state, leased_by = NULL,
                     finished_at = CASE WHEN n.state <> 'queued' THEN clock_timestamp() END,
                     attempt = j.attempt - CASE WHEN n.state = 'queued' THEN 1 ELSE 0 END,
                     started_at = CASE WHEN n.state <> 'queued' THEN j.started_at END
                FROM next n WHERE j.id = n.job_id
              RETURNING j.id, j.lease_token
            ), result AS (
              INSERT INTO moed.job_result (job_id, lease_token, error_code, error_message)
              SELECT n.job_id, n.lease_token, 'expired', moed.expired_message(n.expires_at)
                FROM next n WHERE n.state = 'failed'
            ), ledger AS (
              INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens,
                cached_tokens, thinking_tokens, injected_tokens, answer_tokens, recomputed_tokens, wall_ms)
              SELECT n.job_id, n.lease_token, 'wasted', n.tenant_id, n.model_id, n.mode, n.prompt,
                     n.cached, n.thinking, n.injected, n.answer, n.recomputed, n.wall_ms
                FROM next n WHERE n.prompt + n.thinking + n.injected + n.answer + n.recomputed > 0
            ), attempt AS (
              \(attemptsEnd(
                  """
                  SELECT n.job_id, n.lease_token, n.attempt, n.leased_by, n.started_at, clock_timestamp(),
                         CASE n.state WHEN 'queued' THEN 'released' ELSE n.state::text END,
                         CASE n.state WHEN 'failed' THEN 'expired' END, NULL FROM next n
                  """))
            ), checkpoint AS (
              DELETE FROM moed.job_checkpoint k USING next n WHERE k.job_id = n.job_id AND n.state <> 'queued'
            )
            SELECT id, lease_token FROM done
            """
    }

    /// Writes attempts that have ended into the history; a daemon of an older version wrote its row at the beginning.
    ///
    /// - Parameter attempts: a query for job, token, number, worker, beginning, end, outcome, code and message.
    static func attemptsEnd(_ attempts: SQL) -> SQL {
        """
        INSERT INTO moed.job_attempt AS a
          (job_id, lease_token, attempt, worker_id, started_at, ended_at, outcome, error_code, error_message)
        \(attempts)
        ON CONFLICT (job_id, lease_token) DO UPDATE
           SET ended_at = excluded.ended_at, outcome = excluded.outcome, error_code = excluded.error_code,
               error_message = excluded.error_message
        """
    }

    /// Runs a fenced statement over the items in portions and finds out what became of each.
    private func settle<Item>(
        _ items: [Item], _ lease: (Item) -> JobLease, bytes: (Item) -> Int = { _ in 0 },
        as outcomes: [String],
        _ statement: ([Item]) -> SQL
    ) async throws(QueueError) -> [Disposition] {
        var dispositions: [Disposition] = []
        var start = 0
        while start < items.count {
            var end = start
            var size = 0
            while end < items.count, end - start < Self.rowsPerStatementMax, size < Self.bytesPerStatementMax
            {
                size += bytes(items[end])
                end += 1
            }
            dispositions += try await settle(items[start..<end], lease, outcomes, statement)
            start = end
        }
        return dispositions
    }

    /// One portion. When the statement fails for what is in it, it is halved until the culprit stands alone, so that
    /// its neighbours are written.
    private func settle<Item>(
        _ portion: ArraySlice<Item>, _ lease: (Item) -> JobLease, _ outcomes: [String],
        _ statement: ([Item]) -> SQL
    ) async throws(QueueError) -> [Disposition] {
        let batch = Array(portion)
        let result: QueryResult
        do throws(QueueError) {
            result = try await query(statement(batch))
        } catch {
            // A right that was revoked or a server turned read-only is no fault of the answer: it is written later.
            guard let reason = error.database, reason.isAboutValues else { throw error }
            guard batch.count > 1 else { return [.refused(reason)] }
            let middle = portion.startIndex + batch.count / 2
            return try await settle(portion[..<middle], lease, outcomes, statement)
                + settle(portion[middle...], lease, outcomes, statement)
        }
        let committed = Set(
            try await decode(result) { row throws(DatabaseError) in
                JobLease(job: JobID(try row.value("id")), token: try row.value("lease_token"))
            })
        let rest = batch.map(lease).filter { !committed.contains($0) }
        let already = rest.isEmpty ? [] : try await settled(rest, as: outcomes)
        return batch.map { item in
            committed.contains(lease(item))
                ? .committed : already.contains(lease(item)) ? .already : .stale
        }
    }

    /// Which of these attempts ended with one of the outcomes. A statement of its own, so that it sees what a
    /// repeated statement had to wait for.
    private func settled(_ leases: [JobLease], as outcomes: [String]) async throws(QueueError) -> Set<
        JobLease
    > {
        let result = try await query(
            """
            SELECT a.job_id, a.lease_token FROM moed.job_attempt a
              JOIN unnest(\(SQLArray(leases.map(\.job.rawValue))), \(SQLArray(leases.map(\.token))))
                AS l(job_id, lease_token)
                ON l.job_id = a.job_id AND l.lease_token = a.lease_token
             WHERE a.outcome = ANY (\(SQLArray(outcomes)))
            """)
        return Set(
            try await decode(result) { row throws(DatabaseError) in
                JobLease(job: JobID(try row.value("job_id")), token: try row.value("lease_token"))
            })
    }
}

/// Token counts of a batch, a column each.
private struct UsageColumns {
    var prompt, cached, thinking, injected, answer, recomputed, wall: SQLArray<Int64>

    init(_ rows: [(usage: Usage, wall: Duration)]) {
        func column(_ value: (Usage) -> Int) -> SQLArray<Int64> {
            SQLArray(rows.map { Int64(value($0.usage)) })
        }
        prompt = column(\.prompt)
        cached = column(\.cachedPrompt)
        thinking = column(\.thinking)
        injected = column(\.injected)
        answer = column(\.answer)
        recomputed = column(\.recomputed)
        wall = SQLArray(rows.map { max(0, $0.wall.milliseconds) })
    }
}
