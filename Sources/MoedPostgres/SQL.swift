/// A statement with its bound values.
///
/// Interpolating a value appends `$n` and a bind; there is no way to interpolate text into the statement itself.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    package struct Bind: Sendable {
        /// Text form of the value; nil is NULL.
        var text: String?
        /// Object id of the value's type in `pg_type`.
        var type: UInt32
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text: String
        fileprivate var binds: [Bind] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            text = ""
            text.reserveCapacity(literalCapacity + 3 * interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) { text += literal }

        package mutating func appendInterpolation(_ value: some SQLEncodable) {
            append(value.sqlText, type: type(of: value).sqlType)
        }

        package mutating func appendInterpolation<T: SQLEncodable>(_ value: T?) {
            append(value?.sqlText, type: T.sqlType)
        }

        private mutating func append(_ value: String?, type: UInt32) {
            binds.append(Bind(text: value, type: type))
            text += "$\(binds.count)"
        }
    }

    package let text: String
    let binds: [Bind]

    package init(stringLiteral text: String) {
        self.text = text
        binds = []
    }

    package init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
        binds = stringInterpolation.binds
    }
}
