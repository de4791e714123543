import MoedCore
import Testing

struct JSONParserTests {
    @Test(
        arguments: [
            ("null", .null), ("true", .bool(true)), (" \t\r\n false \n", .bool(false)),
            ("0", .integer(0)), ("-0", .integer(0)), ("-12", .integer(-12)),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .wideInteger("9223372036854775808")), ("1.0", .double(1)),
            ("-1.5e-3", .double(-0.0015)), ("1E+2", .double(100)),
            ("5e-324", .double(.leastNonzeroMagnitude)),
            ("\"\"", ""), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#""\u0041\u00e9""#, "Aé"),
            (#""\uD83D\uDE00""#, "😀"), (#""\u0000""#, "\u{0}"), ("\"\u{7f}\u{2028}\"", "\u{7f}\u{2028}"),
            ("[]", []), ("[1, [2], {}]", [1, [2], [:]]), ("{\"a\": {\"b\": null}}", ["a": ["b": nil]]),
            ("\u{feff}{}", [:]),
        ] as [(String, JSONValue)])
    func validTextsAreRead(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test(
        arguments: [
            "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-", "+1", "01", "-01", ".5", "1.", "1e",
            "1e+", "0x10",
            "1 2", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "]", "{", "{\"a\"", "{\"a\":", "{\"a\":1",
            "{\"a\":1,}",
            "{a:1}", "{'a':1}", "{1:2}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "\"", "\"a", "\"\\\"", "\"\\x\"",
            "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\ud800\"",
            "\"\\udc00\"", "\"\\ud800\\", "\"\\ud800\\u", "\"line\nfeed\"", "\"\u{0}\"", "1e400",
            "-1e999999999999",
            "\u{feff}", "\u{feff}\u{feff}1", "// x\n1", "[1]]", "\u{a0}1",
        ])
    func invalidTextsAreErrors(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    /// RFC 3629: overlong forms, encoded surrogates, beyond U+10FFFF, lone and missing continuation bytes.
    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xED, 0xB0, 0x80],
            [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xC3],
            [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xC3, 0x28],
        ] as [[UInt8]])
    func invalidUTF8IsAnError(bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(throws: JSONError.self) { try JSONValue(parsing: [quote] + bytes + [quote]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [quote] + bytes) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    }

    @Test(
        arguments: [
            ("[1 2]", "invalid JSON at byte 3: expected ',' or ']'"),
            ("{} x", "invalid JSON at byte 3: text after the value"),
        ])
    func errorsSayWhere(text: String, description: String) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.description == description)
    }

    @Test func nestingIsBounded() throws {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deepest = String(repeating: open, count: 128)
            let value = try JSONValue(parsing: deepest + "1" + String(repeating: close, count: 128))
            #expect(value.serialized().count == deepest.count + 1 + 128)
            for depth in [129, 100_000, 3_000_000] {
                #expect(throws: JSONError.self) {
                    try JSONValue(parsing: String(repeating: open, count: depth))
                }
            }
        }
    }

    @Test func siblingsDoNotCountAsDepth() throws {
        let text = "[" + Array(repeating: "[[]]", count: 1000).joined(separator: ",") + "]"
        #expect(try JSONValue(parsing: text).array?.count == 1000)
    }

    @Test func longNumbersAreReadInOneGo() throws {
        let digits = String(repeating: "9", count: 300)
        #expect(try JSONValue(parsing: digits).number == Double(digits))
        let million = String(repeating: "1", count: 1_000_000)
        #expect(throws: JSONError.self) { try JSONValue(parsing: million) }
        #expect(try JSONValue(parsing: "0." + million).number.map { abs($0 - 1.0 / 9) < 1e-15 } == true)
    }

    @Test func keysKeepTheirOrderAndRepeatedOnesTheirLastValue() throws {
        let object = try #require(try JSONValue(parsing: #"{"z":1,"a":2,"z":3,"":4,"A":5}"#).object)
        #expect(object.members.map(\.key) == ["z", "a", "", "A"])
        #expect(object["z"] == 3)
    }

    @Test func largeObjectsAreTheSameAsSmallOnes() throws {
        let keys = (0..<2000).map { "k\($0 * 7919 % 2000)" }
        var object = JSONObject()
        for (position, key) in keys.enumerated() { object[key] = .integer(Int64(position)) }
        for key in keys where key.hasSuffix("3") { object[key] = nil }
        let left = keys.filter { !$0.hasSuffix("3") }
        #expect(object.members.map(\.key) == left)
        #expect(left.allSatisfy { object[$0] != nil })
        #expect(object["k13"] == nil)
        for key in left.dropFirst(10) { object[key] = nil }
        #expect(object.members.map(\.key) == Array(left.prefix(10)))
        #expect(object[left[9]]?.integer == keys.firstIndex(of: left[9]))
        #expect(try JSONValue(parsing: JSONValue.object(object).serialized()).object == object)
    }

    /// String equality takes "é" in one scalar and in two for the same text; keys are bytes.
    @Test(arguments: [0, 40])
    func canonicallyEquivalentKeysAreTwo(others: Int) throws {
        var object = JSONObject((0..<others).map { ("k\($0)", 0) })
        object["\u{e9}"] = 1
        object["e\u{301}"] = 2
        #expect(object.count == others + 2)
        #expect(object["\u{e9}"] == 1)
        #expect(object["e\u{301}"] == 2)
    }

    private static let sample = """
        {"messages": [{"role": "user", "content": "a\\"\\u00e9\\ud83d\\ude00 \u{1F9E0}"}], "n": -1.5e+3, \
        "flags": [true, false, null], "o": {"k": {}}}
        """

    @Test func everyTruncationIsAnError() throws {
        let bytes = Array(Self.sample.utf8)
        _ = try JSONValue(parsing: bytes)
        for count in 0..<bytes.count {
            #expect(throws: JSONError.self) { try JSONValue(parsing: Array(bytes[..<count])) }
        }
    }

    /// Whatever a byte is changed to, the answer is a value that can be written and read again, or an error.
    @Test func everyMutationIsAnswered() throws {
        var bytes = Array(Self.sample.utf8)
        var refused = 0
        for index in bytes.indices {
            let original = bytes[index]
            for byte in UInt8.min ... .max {
                bytes[index] = byte
                do throws(JSONError) {
                    let value = try JSONValue(parsing: bytes)
                    #expect(try JSONValue(parsing: value.serialized()) == value)
                } catch {
                    refused += 1
                    #expect(error.offset <= bytes.count)
                }
            }
            bytes[index] = original
        }
        #expect(refused > bytes.count * 64)
    }
}
