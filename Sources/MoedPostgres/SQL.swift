/// A statement with its bound values.
///
/// Interpolating a value appends `$n` and a bind, interpolating a statement its text and binds; there is no way to
/// interpolate other text into the statement itself.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    package struct Bind: Sendable {
        /// Text form of the value; nil is NULL.
        var text: String?
        /// Object id of the value's type in `pg_type`.
        var type: UInt32
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var literals = [""]
        fileprivate var binds: [Bind] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            literals.reserveCapacity(interpolationCount + 1)
        }

        package mutating func appendLiteral(_ literal: String) { literals[literals.count - 1] += literal }

        package mutating func appendInterpolation(_ statement: SQL) {
            appendLiteral(statement.literals[0])
            literals += statement.literals.dropFirst()
            binds += statement.binds
        }

        package mutating func appendInterpolation(_ value: some SQLEncodable) {
            append(value.sqlText, type: type(of: value).sqlType)
        }

        package mutating func appendInterpolation<T: SQLEncodable>(_ value: T?) {
            append(value?.sqlText, type: T.sqlType)
        }

        private mutating func append(_ value: String?, type: UInt32) {
            binds.append(Bind(text: value, type: type))
            literals.append("")
        }
    }

    /// What stands before, between and after the binds.
    private let literals: [String]
    let binds: [Bind]

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

    package init(stringInterpolation: StringInterpolation) {
        literals = stringInterpolation.literals
        binds = stringInterpolation.binds
    }
}
