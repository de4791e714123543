package import MoedCore
import MoedPostgres

/// New output tokens of a running job, checkpointed in case its worker does not finish it.
package struct JobCheckpoint: Sendable, Equatable {
    package var lease: JobLease
    package var choice: Int
    /// Number of output tokens of the choice before these.
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
    /// The result also tells the worker which jobs not to continue.
    ///
    /// - Parameter computedBy: origin of the tokens: model and number formats, on which they depend beside the request.
    ///   Pieces of another origin are overwritten.
    /// - Returns: ids of the jobs that continue. The others were cancelled, are past their deadline or belong to
    ///   another worker.
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
        SQL(
            .checkpoint,
            [
                .value(SQLArray(batch.map(\.lease.job.rawValue))), .value(SQLArray(batch.map(\.lease.token))),
                .value(SQLArray(batch.map(\.choice))), .value(SQLArray(batch.map(\.firstToken))),
                .value(SQLArray(batch.map { SQLArray($0.tokens).sqlText })), .value(computedBy.withoutNUL),
            ])
    }
}
