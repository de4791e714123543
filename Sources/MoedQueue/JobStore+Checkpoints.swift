package import MoedCore
import MoedPostgres

/// New output tokens of a running job, to be kept for the case that its worker does not finish it.
package struct JobCheckpoint: Sendable, Equatable {
    package var lease: JobLease
    package var choice: Int
    /// Output tokens of the choice before these.
    package var firstToken: Int
    package var tokens: [TokenID]

    package init(lease: JobLease, choice: Int, firstToken: Int, tokens: [TokenID]) {
        self.lease = lease
        self.choice = choice
        self.firstToken = firstToken
        self.tokens = tokens
    }
}

extension JobStore {
    /// Appends to the checkpoints of running jobs, fenced by the lease.
    ///
    /// The answer is also how a worker hears that a job is not to be continued.
    ///
    /// - Parameter computedBy: what the tokens depend on beside the request: model and number formats. Pieces of
    ///   another origin are written over.
    /// - Returns: the jobs that go on. The others were cancelled, are past their deadline, or are another
    ///   worker's by now.
    package func checkpoint(
        _ checkpoints: [JobCheckpoint], computedBy: String
    ) async throws(QueueError) -> Set<JobID> {
        var held: Set<JobID> = []
        var rest = checkpoints[...]
        while !rest.isEmpty {
            let result = try await query(
                Self.checkpoint(Array(rest.prefix(Self.rowsPerStatementMax)), computedBy))
            rest = rest.dropFirst(Self.rowsPerStatementMax)
            held.formUnion(
                try await decode(result) { row throws(DatabaseError) in JobID(try row.value("id")) })
        }
        return held
    }

    private static func checkpoint(_ batch: [JobCheckpoint], _ computedBy: String) -> SQL {
        """
        WITH new AS (
          SELECT * FROM unnest(
            \(SQLArray(batch.map(\.lease.job.rawValue))), \(SQLArray(batch.map(\.lease.token))),
            \(SQLArray(batch.map(\.choice))), \(SQLArray(batch.map(\.firstToken))),
            \(SQLArray(batch.map { SQLArray($0.tokens).sqlText })))
          AS n(job_id, lease_token, choice, first_token, token_ids)
        ), held AS MATERIALIZED (
          SELECT j.id, j.lease_token FROM moed.job j
           WHERE (j.id, j.lease_token) IN (SELECT n.job_id, n.lease_token FROM new n)
             AND j.state::text = 'running' AND j.cancel_requested_at IS NULL
             AND (j.expires_at IS NULL OR j.expires_at > clock_timestamp())
           ORDER BY j.id FOR SHARE
        ), written AS (
          INSERT INTO moed.job_checkpoint AS k (job_id, lease_token, choice, first_token, token_ids, computed_by)
          SELECT n.job_id, n.lease_token, n.choice, n.first_token, n.token_ids::int[], \(computedBy.withoutNUL)
            FROM new n JOIN held h ON h.id = n.job_id AND h.lease_token = n.lease_token
          ON CONFLICT (job_id, choice, first_token) DO UPDATE
             SET token_ids = excluded.token_ids, computed_by = excluded.computed_by,
                 lease_token = excluded.lease_token, created_at = excluded.created_at
           WHERE k.computed_by <> excluded.computed_by
        )
        SELECT id FROM held
        """
    }

    /// Reads pieces as the claim returns them, `choice:first:id,id,…` in order. What does not follow on is left out.
    static func savedOutput(_ text: String) -> [Int: [TokenID]] {
        var saved: [Int: [TokenID]] = [:]
        for piece in text.split(separator: " ") {
            let parts = piece.split(separator: ":")
            guard parts.count == 3, let choice = Int(parts[0]), let first = Int(parts[1]),
                first == saved[choice, default: []].count
            else { continue }
            saved[choice, default: []] += parts[2].split(separator: ",").compactMap { TokenID($0) }
        }
        return saved
    }
}
