import MoedCore
import MoedPostgres

extension JobStore {
    /// Writes answers: state, result, row of the token ledger and attempt of each in one statement, fenced by the
    /// lease.
    ///
    /// - Returns: disposition of each, in order. Repeating the call after an unknown outcome is safe. Jobs whose row is
    ///   locked are left out and the others written.
    package func complete(_ completions: [JobCompletion]) async throws(QueueError) -> [Disposition] {
        try await settle(completions, as: [.succeeded], Self.completion)
    }

    private static func completion(_ batch: [JobCompletion]) -> SQL {
        let texts: [SQL.Bind] = [
            .value(SQLArray(batch.map(\.content.withoutNUL))),
            .value(SQLArray(batch.map { $0.reasoning?.withoutNUL })),
            .value(SQLArray(batch.map(\.finishReason.rawValue))),
            .value(SQLArray(batch.map(\.body))),
            .value(SQLArray(batch.map { Int64(bitPattern: $0.seed) })),
            .value(SQLArray(batch.map { SQLArray($0.warnings.map { $0.withoutNUL }).sqlText })),
        ]
        let marks: [SQL.Bind] = [
            .value(SQLArray(batch.map(\.isTruncated))), .value(SQLArray(batch.map(\.isEmpty))),
        ]
        let told: [SQL.Bind] = [
            .value(SQLArray(batch.map { $0.told == nil ? "counted" : "usage" })),
            .value(SQLArray(batch.map { $0.told?.completion })),
        ]
        return SQL(.complete, leases(batch) + texts + counts(batch) + computations(batch) + marks + told)
    }

    /// Columns of token counts, which an endpoint may not have told, and milliseconds.
    private static func counts(_ batch: [JobCompletion]) -> [SQL.Bind] {
        func column(_ told: (ToldUsage) -> Int?, _ counted: (Usage) -> Int) -> SQL.Bind {
            .value(SQLArray(batch.map { job in job.told.map(told) ?? .some(counted(job.usage)) }))
        }
        return [
            column(\.prompt, \.prompt), column(\.cachedPrompt, \.cachedPrompt), column(\.thinking, \.thinking),
            column({ $0.thinking == nil ? nil : 0 }, \.injected), column(\.answer, \.answer),
            column({ _ in 0 }, \.recomputed), .value(SQLArray(batch.map { max(0, $0.wall.milliseconds) })),
        ]
    }

    /// Writes failures. A retryable job with attempts left is scheduled again, any other one fails. The pause is
    /// 2^attempt seconds, at most 5 minutes, ± 25 %.
    package func fail(_ failures: [JobFailure]) async throws(QueueError) -> [Disposition] {
        try await settle(failures, as: [.failed, .retried, .cancelled], Self.failure)
    }

    private static func failure(_ batch: [JobFailure]) -> SQL {
        SQL(
            .endAttempt,
            leases(batch) + [
                .value(SQLArray(batch.map(\.code.withoutNUL))),
                .value(SQLArray(batch.map(\.message.withoutNUL))),
                .value(SQLArray(batch.map { $0.param?.withoutNUL })),
                .value(SQLArray(batch.map(\.retryable))),
            ] + tokens(batch) + computations(batch))
    }

    /// Returns running jobs to the queue without using an attempt. Jobs whose cancellation was requested end as
    /// cancelled. Jobs past their deadline end as failed with `expired`.
    package func release(_ releases: [JobRelease]) async throws(QueueError) -> [Disposition] {
        let dispositions = try await settle(releases, as: [.released, .cancelled, .failed], Self.returned)
        if dispositions.contains(.committed) { try await wakeIdle() }
        return dispositions
    }

    /// Notifies idle workers. Held up by a lock, it is left out: workers poll as well.
    private func wakeIdle() async throws(QueueError) {
        do throws(QueueError) { _ = try await query("SELECT moed.wake_idle()") } catch where error.isHeldUp {}
    }

    private static func returned(_ batch: [JobRelease]) -> SQL {
        let noText = SQL.Bind.value(SQLArray([String?](repeating: nil, count: batch.count)))
        let notRetryable = SQL.Bind.value(SQLArray([Bool](repeating: false, count: batch.count)))
        return SQL(
            .endAttempt,
            leases(batch) + [noText, noText, noText, notRetryable] + tokens(batch) + computations(batch))
    }

    /// Columns of job ids and lease tokens.
    private static func leases(_ batch: [some AttemptEnd]) -> [SQL.Bind] {
        [.value(SQLArray(batch.map(\.lease.job.rawValue))), .value(SQLArray(batch.map(\.lease.token)))]
    }

    /// Columns of token counts and milliseconds.
    private static func tokens(_ batch: [some AttemptEnd]) -> [SQL.Bind] {
        func column(_ value: (Usage) -> Int) -> SQL.Bind { .value(SQLArray(batch.map { value($0.usage) })) }
        return [
            column(\.prompt), column(\.cachedPrompt), column(\.thinking), column(\.injected),
            column(\.answer),
            column(\.recomputed), .value(SQLArray(batch.map { max(0, $0.wall.milliseconds) })),
        ]
    }

    /// Columns of modes, models and origins.
    private static func computations(_ batch: [some AttemptEnd]) -> [SQL.Bind] {
        [
            .value(SQLArray(batch.map { $0.computation.mode?.rawValue })),
            .value(SQLArray(batch.map { $0.computation.model?.withoutNUL })),
            .value(SQLArray(batch.map { $0.computation.origin })),
        ]
    }

    /// Runs a fenced statement over the items in portions and determines the disposition of each.
    ///
    /// - Parameter outcomes: outcomes of the attempts that the statement writes, the intended one first.
    private func settle<Item: AttemptEnd>(
        _ items: [Item], as outcomes: [AttemptOutcome], _ statement: ([Item]) -> SQL
    ) async throws(QueueError) -> [Disposition] {
        var dispositions: [Disposition] = []
        var start = 0
        while start < items.count {
            var end = start
            var size = 0
            while end < items.count, end - start < Self.rowsPerStatementMax, size < Self.bytesPerStatementMax
            {
                size += items[end].textBytes
                end += 1
            }
            dispositions += try await settle(items[start..<end], outcomes, statement)
            start = end
        }
        return dispositions
    }

    /// Writes one portion. When the statement fails because of its values, the portion is halved until the item at
    /// fault is alone. The other items are written. A statement that a lock ends is not repeated here: each attempt may
    /// wait for `lockTimeout`.
    private func settle<Item: AttemptEnd>(
        _ portion: ArraySlice<Item>, _ outcomes: [AttemptOutcome], _ statement: ([Item]) -> SQL
    ) async throws(QueueError) -> [Disposition] {
        let batch = Array(portion)
        let result: QueryResult
        do throws(QueueError) {
            result = try await query(statement(batch))
        } catch {
            if error.isHeldUp { return batch.map { _ in .locked } }
            // A revoked right or a read-only server is not the answer's fault: the answer is written later.
            guard let reason = error.database, reason.isAboutValues else { throw error }
            guard batch.count > 1 else { return [.refused(reason)] }
            let middle = portion.startIndex + batch.count / 2
            return try await settle(portion[..<middle], outcomes, statement)
                + settle(portion[middle...], outcomes, statement)
        }
        let ended = try await decode(result) { row throws(DatabaseError) in
            (
                lease: JobLease(job: JobID(try row.value("id")), token: try row.value("lease_token")),
                outcome: AttemptOutcome(rawValue: try row.value("outcome"))
            )
        }
        let committed = Dictionary(ended.map { ($0.lease, $0.outcome) }) { first, _ in first }
        let rest = batch.map(\.lease).filter { committed[$0] == nil }
        let others = rest.isEmpty ? [:] : try await dispositions(of: rest, outcomes)
        return batch.map { item in
            guard let outcome = committed[item.lease] else { return others[item.lease] ?? .stale }
            return .written(outcome == outcomes[0] ? nil : outcome)
        }
    }

    /// Dispositions of leases that a statement did not write: `already` when the attempt ended in one of the outcomes,
    /// `locked` when the lease still holds. A separate statement sees the rows that were locked before.
    private func dispositions(
        of leases: [JobLease], _ outcomes: [AttemptOutcome]
    ) async throws(QueueError) -> [JobLease: Disposition] {
        let result = try await query(
            """
            SELECT l.job_id, l.lease_token, a.job_id IS NOT NULL AS is_settled
              FROM unnest(\(SQLArray(leases.map(\.job.rawValue))), \(SQLArray(leases.map(\.token))))
                AS l(job_id, lease_token)
              LEFT JOIN moed.job_attempt a
                ON a.job_id = l.job_id AND a.lease_token = l.lease_token
               AND a.outcome = ANY (\(SQLArray(outcomes.map(\.rawValue))))
              LEFT JOIN moed.job j
                ON j.id = l.job_id AND j.lease_token = l.lease_token AND j.state::text = 'running'
             WHERE a.job_id IS NOT NULL OR j.id IS NOT NULL
            """)
        let found = try await decode(result) { row throws(DatabaseError) in
            (
                lease: JobLease(job: JobID(try row.value("job_id")), token: try row.value("lease_token")),
                disposition: try row.value("is_settled") ? Disposition.already : .locked
            )
        }
        return Dictionary(found.map { ($0.lease, $0.disposition) }) { first, _ in first }
    }
}
