package import MoedPostgres

/// Result of a fenced write. Two committed writes are equal, however their attempts ended.
package enum Disposition: Sendable, Equatable {
    /// Committed; the outcome of the attempt, nil for the one that the write names. A failure may be retried, and a
    /// job that is returned may have been cancelled or past its deadline.
    case written(AttemptOutcome?)
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

    package static let committed = Disposition.written(nil)

    package static func == (left: Disposition, right: Disposition) -> Bool {
        switch (left, right) {
        case (.written, .written), (.already, .already), (.stale, .stale), (.locked, .locked): true
        case (.refused(let error), .refused(let other)): error == other
        default: false
        }
    }
}
