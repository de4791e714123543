package import MoedPostgres

/// Result of a fenced write.
package enum Disposition: Sendable, Equatable {
    /// The attempt ended as the write says.
    case committed
    /// The attempt ended in another way: a failure is retried, or the job was cancelled or past its deadline.
    case ended(AttemptOutcome)
    /// An earlier call committed the same write: the worker repeated it after a lost reply.
    case already
    /// The lease was lost; nothing was written.
    case stale
    /// Another transaction locks the job's row, or a table or row that the statement needs. Nothing was written. The
    /// lease still holds; a later call may succeed.
    case locked
    /// PostgreSQL cannot store the values, e.g. a text beyond a gigabyte. Nothing was written, and repeating does not
    /// help.
    case refused(DatabaseError)
}
