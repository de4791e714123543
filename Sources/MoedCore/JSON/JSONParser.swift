/// Syntax error in a JSON text, with its position.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    package var reason: String
    /// Byte offset into the input at which the parser stopped.
    package var offset: Int
    /// True when the text may be right, but has more values than its reader takes.
    package var hasTooManyValues = false

    package var description: String { "invalid JSON at byte \(offset): \(reason)" }
}

extension JSONValue {
    /// Parses one JSON text (RFC 8259); leading and trailing white space and a UTF-8 byte order mark are allowed.
    ///
    /// Hostile input throws and never traps. Nesting is limited to ``JSONParser/depthMax``. Invalid UTF-8 and lone
    /// surrogates (`"\ud800"`, which no Unicode string can hold) are errors. `\u0000` is a character.
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        self = try JSONValue(parsing: bytes.span)
    }

    /// - Parameter valuesMax: maximum number of values; each takes more memory than its text.
    package init(parsing text: String, valuesMax: Int = .max) throws(JSONError) {
        self = try JSONValue(parsing: Array(text.utf8).span, valuesMax: valuesMax)
    }

    package init(parsing bytes: Span<UInt8>, valuesMax: Int = .max) throws(JSONError) {
        var parser = JSONParser(start: bytes, valuesMax: valuesMax)
        self = try parser.document(bytes)
    }
}

/// Recursive-descent parser over UTF-8 bytes. Each step receives the bytes because a span cannot be stored.
struct JSONParser {
    /// Maximum nesting, deeper than in any request or checkpoint. It bounds the stack used by recursion.
    static let depthMax = 128
    /// Maximum number of digits of an integer, as in Python.
    static let integerDigitsMax = 4300

    private var at = 0
    private var depth = 0
    private let valuesMax: Int
    private var values = 0

    init(start bytes: Span<UInt8>, valuesMax: Int) {
        self.valuesMax = valuesMax
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        if bytes.count >= 3, bytes[0] == mark[0], bytes[1] == mark[1], bytes[2] == mark[2] { at = 3 }
    }

    mutating func document(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        let value = try value(bytes)
        skipSpace(bytes)
        guard at == bytes.count else { throw error("text after the value") }
        return value
    }

    private func error(_ reason: String) -> JSONError { JSONError(reason: reason, offset: at) }

    private mutating func skipSpace(_ bytes: Span<UInt8>) {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return
            }
        }
    }

    private mutating func value(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        skipSpace(bytes)
        guard at < bytes.count else { throw error("the text ends where a value should be") }
        guard values < valuesMax else {
            throw JSONError(reason: "more than \(valuesMax) values", offset: at, hasTooManyValues: true)
        }
        values += 1
        switch bytes[at] {
        case UInt8(ascii: "{"): return try nested(bytes) { (p, b) throws(JSONError) in try p.object(b) }
        case UInt8(ascii: "["): return try nested(bytes) { (p, b) throws(JSONError) in try p.array(b) }
        case UInt8(ascii: "\""): return .string(try string(bytes))
        case UInt8(ascii: "t"): return try literal("true", .bool(true), bytes)
        case UInt8(ascii: "f"): return try literal("false", .bool(false), bytes)
        case UInt8(ascii: "n"): return try literal("null", .null, bytes)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number(bytes)
        default: throw error("unexpected character")
        }
    }

    private mutating func nested(
        _ bytes: Span<UInt8>,
        _ body: (inout JSONParser, Span<UInt8>) throws(JSONError) -> JSONValue
    ) throws(JSONError) -> JSONValue {
        guard depth < Self.depthMax else { throw error("nested deeper than \(Self.depthMax) levels") }
        depth += 1
        at += 1
        let value = try body(&self, bytes)
        depth -= 1
        return value
    }

    private mutating func literal(
        _ word: StaticString, _ value: JSONValue, _ bytes: Span<UInt8>
    ) throws(JSONError) -> JSONValue {
        for byte in word.description.utf8 {
            guard at < bytes.count, bytes[at] == byte else { throw error("unknown word") }
            at += 1
        }
        return value
    }

    private mutating func object(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        var object = JSONObject()
        if try closes(UInt8(ascii: "}"), bytes) { return .object(object) }
        repeat {
            skipSpace(bytes)
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw error("expected a key") }
            let key = try string(bytes)
            skipSpace(bytes)
            guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { throw error("expected ':'") }
            at += 1
            object[key] = try value(bytes)
        } while try continues(until: UInt8(ascii: "}"), bytes)
        return .object(object)
    }

    private mutating func array(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        var values: [JSONValue] = []
        if try closes(UInt8(ascii: "]"), bytes) { return .array(values) }
        repeat {
            values.append(try value(bytes))
        } while try continues(until: UInt8(ascii: "]"), bytes)
        return .array(values)
    }

    private mutating func closes(_ end: UInt8, _ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        skipSpace(bytes)
        guard at < bytes.count, bytes[at] == end else { return false }
        at += 1
        return true
    }

    private mutating func continues(until end: UInt8, _ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        skipSpace(bytes)
        guard at < bytes.count else { throw error("the text ends inside an array or object") }
        if bytes[at] == end {
            at += 1
            return false
        }
        guard bytes[at] == UInt8(ascii: ",") else {
            throw error("expected ',' or '\(Character(UnicodeScalar(end)))'")
        }
        at += 1
        return true
    }

    private mutating func number(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        let start = at
        var isInteger = true
        if bytes[at] == UInt8(ascii: "-") { at += 1 }
        let leadingZero = at < bytes.count && bytes[at] == UInt8(ascii: "0")
        let digits = try skipDigits(bytes)
        guard !(leadingZero && digits > 1) else { throw error("a number starts with 0") }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            isInteger = false
            at += 1
            _ = try skipDigits(bytes)
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
            _ = try skipDigits(bytes)
        }
        let text = String(decoding: (start..<at).map { bytes[$0] }, as: UTF8.self)
        if isInteger {
            if let value = Int64(text) { return .integer(value) }
            guard digits <= Self.integerDigitsMax else {
                throw error("a number has more than \(Self.integerDigitsMax) digits")
            }
            return .wideInteger(text)
        }
        guard let value = Double(text), value.isFinite else {
            throw error("the number \(text.prefix(40)) is out of range")
        }
        return .double(value)
    }

    private mutating func skipDigits(_ bytes: Span<UInt8>) throws(JSONError) -> Int {
        let start = at
        while at < bytes.count, bytes[at] >= UInt8(ascii: "0"), bytes[at] <= UInt8(ascii: "9") { at += 1 }
        guard at > start else { throw error("expected a digit") }
        return at - start
    }

    private mutating func string(_ bytes: Span<UInt8>) throws(JSONError) -> String {
        at += 1
        var units: [UInt8] = []
        while at < bytes.count {
            let byte = bytes[at]
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: units, as: UTF8.self) else {
                    throw error("invalid UTF-8 in a string")
                }
                at += 1
                return text
            case UInt8(ascii: "\\"):
                at += 1
                try escape(bytes, into: &units)
            case 0..<0x20:
                throw error("unescaped control character in a string")
            default:
                units.append(byte)
                at += 1
            }
        }
        throw error("the text ends inside a string")
    }

    private mutating func escape(_ bytes: Span<UInt8>, into units: inout [UInt8]) throws(JSONError) {
        guard at < bytes.count else { throw error("the text ends inside an escape") }
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(byte)
        case UInt8(ascii: "b"): units.append(0x08)
        case UInt8(ascii: "f"): units.append(0x0C)
        case UInt8(ascii: "n"): units.append(0x0A)
        case UInt8(ascii: "r"): units.append(0x0D)
        case UInt8(ascii: "t"): units.append(0x09)
        case UInt8(ascii: "u"): units.append(contentsOf: Array(String(Character(try scalar(bytes))).utf8))
        default: throw error("unknown escape in a string")
        }
    }

    /// The scalar of a `\u` escape; a high surrogate must be followed by an escaped low one.
    private mutating func scalar(_ bytes: Span<UInt8>) throws(JSONError) -> Unicode.Scalar {
        let first = try hexQuad(bytes)
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
            bytes[at + 1] == UInt8(ascii: "u")
        else { throw error("lone surrogate in a string") }
        at += 2
        let second = try hexQuad(bytes)
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw error("lone surrogate in a string") }
        return scalar
    }

    private mutating func hexQuad(_ bytes: Span<UInt8>) throws(JSONError) -> UInt32 {
        guard at + 4 <= bytes.count else { throw error("the text ends inside an escape") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(UnicodeScalar(bytes[at])).hexDigitValue else {
                throw error("expected four hex digits")
            }
            value = value << 4 | UInt32(digit)
            at += 1
        }
        return value
    }
}
