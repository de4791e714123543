/// Reason why a constraint cannot be compiled.
package struct GrammarError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The text breaks the rules of its language: a bad regular expression, a bad reference.
        case malformed
        /// A keyword or construct that cannot be enforced.
        case unsupported
        /// A limit on states, alternatives or nesting is exceeded.
        case tooLarge
        /// No text satisfies the constraint.
        case unsatisfiable
    }

    package var code: Code
    /// JSON pointer into the schema, or a place in the expression; empty for the whole.
    package var pointer: String
    package var reason: String

    package init(_ code: Code, at pointer: String = "", _ reason: String) {
        self.code = code
        self.pointer = pointer
        self.reason = reason
    }

    package var description: String { pointer.isEmpty ? reason : "\(reason) at \(pointer)" }

    /// The same error, placed at `pointer` when it has no place yet.
    package func placed(at pointer: String) -> GrammarError {
        self.pointer.isEmpty ? GrammarError(code, at: pointer, reason) : self
    }
}
