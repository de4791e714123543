/// Error of a database call. It never contains bind values or a password.
package struct DatabaseError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// The connection is gone or was never made: retry on a new one. The outcome of the failed call is unknown.
        case connectionLost
        /// The server refused the user or password.
        case authentication
        /// The server cancelled the statement, by statement_timeout, lock_timeout or a cancel request.
        case timeout
        /// A constraint of the schema was violated.
        case constraint
        /// Serialization failure or deadlock: the caller may repeat the transaction.
        case serialization
        case insufficientPrivilege
        /// A schema, table, column or function does not exist.
        case undefinedObject
        /// The connection string is invalid, or its database or role does not exist.
        case invalidConfiguration
        /// The server is out of connections, memory or disk.
        case insufficientResources
        /// The server does not accept a value, such as a text with a NUL character.
        case invalidValue
        /// A row lacks the expected column, or the column has another type.
        case protocolViolation
        /// Any other error of the server.
        case server
    }

    package var code: Code
    /// SQLSTATE of the server; nil when the client detected the error.
    package var sqlState: String?
    package var message: String
    /// Name of the violated constraint; nil when none was violated.
    package var constraint: String?

    package init(_ code: Code, sqlState: String? = nil, _ message: String, constraint: String? = nil) {
        self.code = code
        self.sqlState = sqlState
        self.message = message
        self.constraint = constraint
    }

    /// True when the same call may succeed later.
    package var isRetryable: Bool {
        switch code {
        case .connectionLost, .timeout, .serialization, .insufficientResources: true
        default: false
        }
    }

    /// True when the statement fails because of its values: every retry fails, and other values may pass. Causes are a
    /// constraint, a value out of range or too large, or an error raised by a trigger.
    package var isAboutValues: Bool {
        switch code {
        case .constraint, .invalidValue: true
        default: ["54", "P0"].contains(sqlState?.prefix(2))
        }
    }

    /// True when a lock of another transaction ended the statement, which waited longer than `lock_timeout` or in a
    /// circle. The connection is sound, and a later call may succeed.
    package var isHeldUp: Bool { ["55P03", "40P01"].contains(sqlState) }

    /// True when a new connection is needed.
    package var isConnectionLost: Bool { code == .connectionLost }

    package var description: String { sqlState.map { "\(message) (SQLSTATE \($0))" } ?? message }
}

extension DatabaseError {
    static let unknownPreparedStatement = "26000"
    static let duplicatePreparedStatement = "42P05"

    /// Code of a SQLSTATE; classes and codes are listed in PostgreSQL's documentation, appendix A.
    static func code(sqlState: String) -> Code {
        switch sqlState {
        case "57014", "55P03": return .timeout
        case "57P01", "57P02", "57P03", "57P05", "25P03": return .connectionLost
        case "42501": return .insufficientPrivilege
        case "42P01", "42703", "42704", "42883", "3F000", "42P02": return .undefinedObject
        case "3D000": return .invalidConfiguration
        default: break
        }
        switch sqlState.prefix(2) {
        case "08": return .connectionLost
        case "22": return .invalidValue
        case "23": return .constraint
        case "28": return .authentication
        case "40": return .serialization
        case "53": return .insufficientResources
        default: return .server
        }
    }

    /// Message without its quoted parts. Messages of class 22 quote the offending value; libpq quotes pieces of a
    /// malformed connection string.
    static func withoutQuoted(_ message: String) -> String {
        var result = ""
        var quoted = false
        for character in message {
            if character == "\"" {
                result += quoted ? "" : "\"…\""
                quoted.toggle()
            } else if !quoted {
                result.append(character)
            }
        }
        return result
    }
}
