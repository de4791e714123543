package import MoedPostgres

/// Result of a fenced write.
package enum Disposition: Sendable, Equatable {
    case committed
    /// The same write had been committed before: it was repeated after a lost answer.
    case already
    /// The lease was lost; nothing was written.
    case stale
    /// PostgreSQL cannot store it (a text beyond a gigabyte, say): nothing was written, and repeating will not help.
    case refused(DatabaseError)
}
