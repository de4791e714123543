package import MoedPostgres

/// Error of a queue operation.
package struct QueueError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// The database call failed; see `database`.
        case database
        /// There is no schema `moed`.
        case schemaMissing
        /// Migrations of this program have not been applied.
        case schemaOlder
        /// The database has migrations that this program does not know.
        case schemaNewer
        /// A migration was changed after it had been applied.
        case schemaChanged
        /// The role lacks a right that a worker or a migration needs.
        case rightsMissing
        /// Row security hides the queue: its policies are missing.
        case policiesMissing
        /// A sequence would give numbers that its table has.
        case sequenceBehind
        /// The server or the session takes no writes.
        case readOnly
        /// The database is not encoded in UTF-8.
        case wrongEncoding
        /// The server is older than PostgreSQL 15.
        case serverTooOld
    }

    package var code: Code
    /// Message that names the remedy, if there is one.
    package var message: String
    package var database: DatabaseError?

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package init(_ error: DatabaseError) {
        code = .database
        message = error.description
        database = error
    }

    package var isRetryable: Bool { database?.isRetryable ?? false }
    /// True when the server answered and refused a statement.
    package var isAnswered: Bool { database.map { !$0.isConnectionLost && $0.sqlState != nil } ?? false }
    /// True when another transaction's lock ended the statement; see `DatabaseError.isHeldUp`.
    package var isHeldUp: Bool { database?.isHeldUp ?? false }
    package var isConnectionLost: Bool { database?.isConnectionLost ?? false }
    package var description: String { message }
}

/// Runs a queue operation that another transaction's lock may only delay.
///
/// - Returns: nil when a lock ended the statement; a later call may succeed.
package func unlessHeldUp<R>(_ body: () async throws(QueueError) -> R) async throws(QueueError) -> R? {
    do throws(QueueError) {
        return try await body()
    } catch {
        guard error.isHeldUp else { throw error }
        return nil
    }
}

/// Runs database calls and converts their errors to `QueueError`.
package func queueing<R>(_ body: () async throws(DatabaseError) -> R) async throws(QueueError) -> R {
    do throws(DatabaseError) {
        return try await body()
    } catch {
        throw QueueError(error)
    }
}
