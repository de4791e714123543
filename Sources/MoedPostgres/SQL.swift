/// A statement with its bound values.
///
/// Interpolating a value appends `$n` and a bind; interpolating a statement appends its text and binds. No other text
/// can be interpolated into the statement.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    package struct Bind: Sendable {
        /// Text form of the value; nil is NULL.
        let text: String?
        /// Object id of the value's type in `pg_type`.
        package let type: UInt32

        /// A value for a statement with numbered parameters.
        package static func value<T: SQLEncodable>(_ value: T?) -> Bind {
            Bind(text: value?.sqlText, type: T.sqlType)
        }
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var literals = [""]
        fileprivate var binds: [Bind] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            literals.reserveCapacity(interpolationCount + 1)
        }

        package mutating func appendLiteral(_ literal: String) { literals[literals.count - 1] += literal }

        package mutating func appendInterpolation(_ statement: SQL) {
            precondition(!statement.isNumbered, "a statement with numbered parameters is no part of another")
            appendLiteral(statement.literals[0])
            literals += statement.literals.dropFirst()
            binds += statement.binds
        }

        package mutating func appendInterpolation(_ value: some SQLEncodable) { append(.value(value)) }

        package mutating func appendInterpolation<T: SQLEncodable>(_ value: T?) { append(.value(value)) }

        private mutating func append(_ bind: Bind) {
            binds.append(bind)
            literals.append("")
        }
    }

    /// The text before, between and after the binds; one piece when the text numbers its parameters itself.
    private let literals: [String]
    let binds: [Bind]

    private var isNumbered: Bool { literals.count != binds.count + 1 }

    package var text: String {
        var text = literals[0]
        for index in literals.indices.dropFirst() {
            text += "$"
            text += String(index)
            text += literals[index]
        }
        return text
    }

    package init(stringLiteral text: String) {
        literals = [text]
        binds = []
    }

    /// Statement from the program's own text, in which `$1`, `$2`, … are the binds in their order.
    ///
    /// Such a statement cannot be interpolated into another one.
    package init(numbered text: String, binds: [Bind]) {
        literals = [text]
        self.binds = binds
    }

    package init(stringInterpolation: StringInterpolation) {
        literals = stringInterpolation.literals
        binds = stringInterpolation.binds
    }
}
