package import MoedCore
import MoedPostgres

/// New output tokens of a running job, checkpointed in case its worker does not finish it.
package struct JobCheckpoint: Sendable, Equatable {
    package var lease: JobLease
    package var choice: Int
    /// Number of output tokens of the choice before these.
    package var firstToken: Int
    package var tokens: [TokenID]
    /// Mode in which the job runs; nil when it is not known.
    package var mode: ReasoningMode?

    package init(lease: JobLease, choice: Int, firstToken: Int, tokens: [TokenID], mode: ReasoningMode? = nil) {
        self.lease = lease
        self.choice = choice
        self.firstToken = firstToken
        self.tokens = tokens
        self.mode = mode
    }
}

/// Jobs that continue after a checkpoint.
package struct CheckpointAnswer: Sendable, Equatable {
    /// Jobs whose pieces were written.
    package var written: Set<JobID> = []
    /// Jobs whose row another transaction locks. Their pieces must be written later.
    package var locked: Set<JobID> = []

    package init(written: Set<JobID> = [], locked: Set<JobID> = []) {
        self.written = written
        self.locked = locked
    }
}

extension JobStore {
    /// Appends to the checkpoints of running jobs, fenced by the lease.
    ///
    /// The result also tells the worker which jobs not to continue.
    ///
    /// - Parameter computedBy: digest of the origin, on which the tokens depend beside the request.
    ///   Pieces of another origin are overwritten.
    /// - Returns: the jobs that continue. The others were cancelled, are past their deadline or belong to another
    ///   worker.
    package func checkpoint(
        _ checkpoints: [JobCheckpoint], computedBy: String
    ) async throws(QueueError) -> CheckpointAnswer {
        var answer = CheckpointAnswer()
        var rest = checkpoints[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Self.rowsPerStatementMax))
            rest = rest.dropFirst(Self.rowsPerStatementMax)
            do throws(QueueError) {
                let result = try await query(Self.checkpoint(batch, computedBy))
                for (job, isWritten) in try await decode(
                    result,
                    { row throws(DatabaseError) in
                        (JobID(try row.value("id")), try row.value("is_written", as: Bool.self))
                    })
                {
                    if isWritten { answer.written.insert(job) } else { answer.locked.insert(job) }
                }
            } catch where error.isHeldUp {
                answer.locked.formUnion(batch.map(\.lease.job))
            }
        }
        return answer
    }

    private static func checkpoint(_ batch: [JobCheckpoint], _ computedBy: String) -> SQL {
        SQL(
            .checkpoint,
            [
                .value(SQLArray(batch.map(\.lease.job.rawValue))), .value(SQLArray(batch.map(\.lease.token))),
                .value(SQLArray(batch.map(\.choice))), .value(SQLArray(batch.map(\.firstToken))),
                .value(SQLArray(batch.map { SQLArray($0.tokens).sqlText })), .value(computedBy.withoutNUL),
                .value(SQLArray(batch.map { $0.mode?.rawValue })),
            ])
    }
}
