/// Python's upper and lower case, by Unicode's full mappings.
enum PythonCase {
    /// Bytes that one byte of UTF-8 becomes at most.
    static let growthMax = 3

    static func upper(_ text: String) -> String {
        mapped(text) { $0.properties.uppercaseMapping }
    }

    static func lower(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        var result = ""
        for (place, scalar) in scalars.enumerated() {
            result += scalar == "\u{3A3}" ? sigma(at: place, in: scalars) : scalar.properties.lowercaseMapping
        }
        return result
    }

    /// First code point in title case, the others in lower case.
    static func capitalized(_ text: String) -> String {
        guard let first = text.unicodeScalars.first else { return "" }
        // The rest is mapped with the first before it, as a sigma's shape depends on what stands around it.
        let rest = lower(text).unicodeScalars.dropFirst(
            first.properties.lowercaseMapping.unicodeScalars.count)
        return first.properties.titlecaseMapping + String(rest)
    }

    /// Each run of cased letters in title case, as `str.title` does it.
    static func titled(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        var result = ""
        var isInWord = false
        for (place, scalar) in scalars.enumerated() {
            if !isInWord {
                result += scalar.properties.titlecaseMapping
            } else {
                result +=
                    scalar == "\u{3A3}" ? sigma(at: place, in: scalars) : scalar.properties.lowercaseMapping
            }
            isInWord = scalar.properties.isCased
        }
        return result
    }

    /// The filter `title`, which is Jinja2's own: words begin after white space, `-` and opening brackets.
    static func words(_ text: String) -> String {
        var result = ""
        var word = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            guard scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar) else {
                word.append(scalar)
                continue
            }
            result += capitalizedWord(word)
            word = String.UnicodeScalarView()
            result.unicodeScalars.append(scalar)
        }
        return result + capitalizedWord(word)
    }

    private static func capitalizedWord(_ word: String.UnicodeScalarView) -> String {
        guard let first = word.first else { return "" }
        return first.properties.uppercaseMapping + lower(String(word.dropFirst()))
    }

    /// `isupper` and `islower`: at least one cased letter, and none of the other case.
    static func isAll(upper: Bool, _ text: String) -> Bool {
        var hasCased = false
        for scalar in text.unicodeScalars {
            let properties = scalar.properties
            if upper ? properties.isLowercase : properties.isUppercase { return false }
            if properties.generalCategory == .titlecaseLetter { return false }
            hasCased = hasCased || (upper ? properties.isUppercase : properties.isLowercase)
        }
        return hasCased
    }

    private static func mapped(_ text: String, _ mapping: (Unicode.Scalar) -> String) -> String {
        var result = ""
        for scalar in text.unicodeScalars { result += mapping(scalar) }
        return result
    }

    /// A capital sigma ends a word as `ς` and is `σ` elsewhere.
    private static func sigma(at place: Int, in scalars: [Unicode.Scalar]) -> String {
        let before = scalars[..<place].last { !$0.properties.isCaseIgnorable }
        let after = scalars[(place + 1)...].first { !$0.properties.isCaseIgnorable }
        let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
        return isFinal ? "\u{3C2}" : "\u{3C3}"
    }
}
