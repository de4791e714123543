/// Text that is HTML. Whatever comes from outside goes in through `escaped`.
struct HTMLText: Sendable, Equatable, ExpressibleByStringInterpolation {
    private(set) var source: String

    init(stringLiteral value: String) { source = value }

    init(stringInterpolation: Interpolation) { source = stringInterpolation.source }

    static func + (left: HTMLText, right: HTMLText) -> HTMLText {
        var sum = left
        sum.source += right.source
        return sum
    }

    /// Interpolated texts are escaped; interpolated HTML is not.
    struct Interpolation: StringInterpolationProtocol {
        fileprivate(set) var source = ""

        init(literalCapacity: Int, interpolationCount: Int) {}

        mutating func appendLiteral(_ literal: String) { source += literal }
        mutating func appendInterpolation(_ html: HTMLText) { source += html.source }
        mutating func appendInterpolation(_ text: String) { source += HTMLText.escaped(text) }
        mutating func appendInterpolation(_ number: Int) { source += String(number) }
    }

    /// The text with the characters of markup and of quotes replaced.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case _ where scalar.value < 0x20 && scalar != "\n" && scalar != "\t": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Sequence<HTMLText> {
    var joined: HTMLText { reduce("", +) }
}
