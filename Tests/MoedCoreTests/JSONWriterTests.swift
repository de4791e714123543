import MoedCore
import TestSupport
import Testing

struct JSONWriterTests {
    @Test func layouts() {
        let value: JSONValue = ["a": [1, 2.5, nil], "b": ["c": true], "e": [:], "f": []]
        #expect(value.serialized() == #"{"a":[1,2.5,null],"b":{"c":true},"e":{},"f":[]}"#)
        #expect(value.serialized(.spaced) == #"{"a": [1, 2.5, null], "b": {"c": true}, "e": {}, "f": []}"#)
    }

    @Test func onlyWhatMustBeEscapedIs() {
        let text = "\"\\/\u{0}\u{1f}\u{7f}\n\r\t\u{8}\u{c}é\u{2028}😀"
        let expected = #""\"\\/\u0000\u001f"# + "\u{7f}" + #"\n\r\t\b\fé"# + "\u{2028}😀\""
        #expect(JSONValue.string(text).serialized() == expected)
    }

    @Test func whatJSONHasNoWordForIsNull() {
        #expect(JSONValue.array([.double(.nan), .double(.infinity)]).serialized() == "[null,null]")
    }

    /// Scalars are written one by one: "\r\n" and combining marks are single characters to Swift.
    @Test func graphemesAreNotMistakenForScalars() throws {
        let text = "a\r\ne\u{301}\u{1F468}\u{200D}\u{1F469}"
        #expect(JSONValue.string(text).serialized() == "\"a\\r\\ne\u{301}\u{1F468}\u{200D}\u{1F469}\"")
        let back = try #require(try JSONValue(parsing: JSONValue.string(text).serialized()).string)
        #expect(Array(back.unicodeScalars) == Array(text.unicodeScalars))
    }

    @Test(arguments: 0..<200)
    func roundTrip(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let value = Self.value(depth: 0, &random)
        #expect(try JSONValue(parsing: value.serialized(.compact)) == value)
        #expect(try JSONValue(parsing: value.serialized(.spaced)) == value)
    }

    private static func value(depth: Int, _ random: inout SplitMix) -> JSONValue {
        switch Int.random(in: 0..<(depth > 5 ? 5 : 7), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2: return .integer(Int64(bitPattern: random.next()) >> Int64.random(in: 0..<64, using: &random))
        case 3:
            let number = Double(bitPattern: random.next())
            return .double(number.isFinite ? number : 0.1)
        case 4: return .string(text(&random))
        case 5:
            return .array(
                (0..<Int.random(in: 0...6, using: &random)).map { _ in value(depth: depth + 1, &random) })
        default:
            let pairs = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                (text(&random), value(depth: depth + 1, &random))
            }
            return .object(JSONObject(pairs))
        }
    }

    private static func text(_ random: inout SplitMix) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            let limit: UInt32 = [0x20, 0x80, 0x800, 0x10000, 0x110000].randomElement(using: &random) ?? 0x80
            if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &random)) {
                text.append(scalar)
            }
        }
        return String(text)
    }
}
