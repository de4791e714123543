import MoedAutomata
import MoedCore
import MoedGrammar
import Testing

/// JSON Schemas as automata: texts that they accept and refuse, and keywords that are refused by name.
struct SchemaTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var schema: JSONValue
        var valid: [String]
        var invalid: [String]

        init(_ schema: JSONValue, _ valid: [String], not invalid: [String]) {
            self.schema = schema
            self.valid = valid
            self.invalid = invalid
        }

        var testDescription: String { schema.serialized() }
    }

    static func check(_ test: Case) throws {
        let acceptor = TextAcceptor(try CompiledGrammar(schema: test.schema))
        for text in test.valid {
            #expect(acceptor.accepts(Array(text.utf8)), "\(text) is valid")
        }
        for text in test.invalid {
            #expect(!acceptor.accepts(Array(text.utf8)), "\(text) is invalid")
        }
    }

    static let scalars: [Case] = [
        Case(
            ["type": "integer"], ["0", "-7", "12", "1.0"], not: ["01", "1.5", "+1", "1.", "1e", "\"1\"", ""]),
        Case(
            ["type": "number"], ["0.5", "-1e-7", "1E+5", "1e300"],
            not: [".5", "1e999", "0x1", "NaN", "1e309"]),
        Case(
            ["type": "integer", "minimum": -3, "maximum": 12], ["-3", "0", "9", "12", "12.0"],
            not: ["-4", "13", "120", "12.5", "-30"]),
        Case(
            ["exclusiveMinimum": 0.5, "type": "number"], ["0.51", "1", "20", "0.500001"],
            not: ["0.5", "0.50", "0", "-1"]),
        Case(
            [
                "$schema": "http://json-schema.org/draft-04/schema#", "type": "integer", "minimum": 3,
                "exclusiveMinimum": true,
            ],
            ["4", "30"], not: ["3", "4.0"]),
        Case(
            ["type": "number", "multipleOf": 0.25], ["1.5", "0.25", "7", "0"], not: ["0.1", "0.255", "1.3"]),
        Case(["type": "integer", "multipleOf": 7], ["0", "7", "14", "-21", "700"], not: ["1", "8", "71"]),
        Case(
            ["enum": [1, "a\"b", true, nil]], ["1", "1.0", "\"a\\\"b\"", "\"\\u0061\\\"b\"", "true", "null"],
            not: ["2", "\"a\"", "false"]),
        Case(["const": 0], ["0", "0.0", "-0"], not: ["false", "1", "\"0\""]),
    ]

    static let strings: [Case] = [
        Case(
            ["type": "string", "minLength": 2, "maxLength": 3],
            ["\"ab\"", "\"äöü\"", "\"\\u00e4b\"", "\"😀😀\"", "\"\\ud83d\\ude00x\""],
            not: ["\"a\"", "\"abcd\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\""]),
        Case(
            ["type": "string"], ["\"\"", "\"\\/\\b\\n\""],
            not: ["\"\u{1}\"", "\"\\x\"", "\"\\udc00\"", "\"a", "'a'"]),
        // A pattern is searched, not anchored.
        Case(
            ["type": "string", "pattern": "cat"], ["\"cat\"", "\"concatenate\"", "\"c\\u0061t\""],
            not: ["\"act\""]),
        Case(["type": "string", "pattern": "^a|b$"], ["\"ax\"", "\"xb\""], not: ["\"xa\"", "\"bx\""]),
        Case(
            ["type": "string", "pattern": "^(?!no).{2,4}$", "maxLength": 3], ["\"yes\"", "\"nn\""],
            not: ["\"no\"", "\"nox\"", "\"four\""]),
        Case(
            ["type": "string", "pattern": "^[^a-z]{2}$", "not": ["enum": ["AB"]]], ["\"AC\""],
            not: ["\"AB\"", "\"ab\""]),
        Case(
            ["type": "string", "format": "date"], ["\"2024-02-29\"", "\"2023-12-31\""],
            not: ["\"2023-02-29\"", "\"2023-13-01\"", "\"0000-01-01\""]),
        Case(
            ["type": "string", "format": "ipv4"], ["\"127.0.0.1\""],
            not: ["\"256.0.0.1\"", "\"1.2.3\"", "\"01.2.3.4\""]),
        Case(
            ["type": "string", "format": "uuid"], ["\"123e4567-e89b-12d3-a456-426614174000\""],
            not: ["\"123e4567\""]),
        Case(["type": "string", "maxLength": 1_000_000_000], ["\"a\""], not: ["1"]),
    ]

    static let arrays: [Case] = [
        Case(
            ["type": "array", "items": ["type": "integer"], "minItems": 1, "maxItems": 2],
            ["[1]", "[1,2]", "[ 1, 2 ]", "[\n  1,\n  2\n]"],
            not: ["[]", "[1,2,3]", "[1,]", "[\"a\"]", "[1 2]"]),
        Case(
            ["type": "array", "prefixItems": [["type": "string"], ["type": "integer"]], "items": false],
            ["[]", "[\"a\"]", "[\"a\",1]"], not: ["[1]", "[\"a\",1,2]"]),
        Case(
            ["type": "array", "contains": ["type": "string"], "minContains": 2], ["[1,\"a\",2,\"b\"]"],
            not: ["[]", "[\"a\"]", "[1,\"a\",2]"]),
        Case(
            ["type": "array", "contains": ["const": 1], "maxContains": 1], ["[1]", "[2,1,3]"],
            not: ["[1,1]", "[2]"]),
        Case(
            ["type": "array", "minItems": 3, "items": ["type": "null"]], ["[null,null,null]"],
            not: ["[null,null]"]),
    ]

    static let objects: [Case] = [
        Case(
            [
                "type": "object", "properties": ["a": ["type": "integer"], "b": ["type": "string"]],
                "required": ["b"], "additionalProperties": false,
            ],
            [
                "{\"b\":\"\"}", "{\"a\":1,\"b\":\"x\"}", "{\"a\": 1, \"b\": \"x\"}",
                "{\n  \"\\u0061\": 1,\n  \"b\": \"x\"\n}",
            ],
            not: [
                "{}", "{\"a\":1}", "{\"a\":1,\"b\":\"x\",\"c\":1}", "{\"b\":\"x\",\"b\":\"y\"}", "{\"b\":1}",
                "{,}",
            ]),
        // Additional keys come last, none twice, none of a named property.
        Case(
            [
                "type": "object", "properties": ["a": ["type": "integer"]],
                "additionalProperties": ["type": "boolean"],
            ],
            ["{}", "{\"x\":true,\"y\":false}", "{\"a\":1,\"aa\":true}"],
            not: [
                "{\"x\":true,\"x\":false}", "{\"x\":true,\"\\u0078\":false}", "{\"x\":1}", "{\"a\":true}",
                "{\"x\":true,\"a\":1}",
            ]),
        Case(
            [
                "type": "object", "patternProperties": ["^v": ["type": "integer"]],
                "additionalProperties": false, "minProperties": 2,
            ],
            ["{\"v\":1,\"vv\":2}"], not: ["{\"v\":1}", "{\"v\":1,\"w\":2}", "{\"v\":1,\"v\":2}"]),
        Case(
            ["type": "object", "maxProperties": 1, "propertyNames": ["maxLength": 2]], ["{}", "{\"ab\":[]}"],
            not: ["{\"abc\":1}", "{\"a\":1,\"b\":2}"]),
        Case(
            [
                "type": "object", "properties": ["a": true, "b": true], "dependentRequired": ["a": ["b"]],
                "additionalProperties": false,
            ],
            ["{}", "{\"b\":1}", "{\"a\":1,\"b\":2}"], not: ["{\"a\":1}"]),
    ]

    static let combinations: [Case] = [
        // Python's `.` matches a carriage return, and ECMAScript's does not: such a key is not written.
        Case(
            ["type": "object", "patternProperties": ["^.+$": ["type": "integer"]]],
            ["{}", "{\"a\":1}", "{\"a b\":-3,\"\":\"x\"}"], not: ["{\"a\":\"x\"}", "{\"a\\r\":\"x\"}", "{\"a\\n\":1}"]),
        Case(["anyOf": [["type": "string"], ["type": "integer"]]], ["\"a\"", "1"], not: ["1.5", "null"]),
        Case(
            ["oneOf": [["multipleOf": 2], ["multipleOf": 3]], "type": "integer"], ["2", "3", "4", "9"],
            not: ["1", "6", "12"]),
        Case(["allOf": [["minimum": 3], ["maximum": 5]], "type": "integer"], ["3", "5"], not: ["2", "6"]),
        Case(
            ["not": ["required": ["a", "b"]], "type": "object"], ["{}", "{\"a\":1}", "{\"b\":1}"],
            not: ["{\"a\":1,\"b\":1}", "[]"]),
        Case(
            [
                "type": "object", "properties": ["k": ["enum": ["x", "y"]], "n": true], "required": ["k"],
                "if": ["properties": ["k": ["const": "x"]]], "then": ["required": ["n"]],
            ],
            ["{\"k\":\"y\"}", "{\"k\":\"x\",\"n\":1}"], not: ["{\"k\":\"x\"}"]),
        Case(
            [
                "$ref": "#/$defs/tree",
                "$defs": [
                    "tree": [
                        "type": "object",
                        "properties": ["c": ["type": "array", "items": ["$ref": "#/$defs/tree"]]],
                        "required": ["c"], "additionalProperties": false,
                    ]
                ],
            ],
            ["{\"c\":[]}", "{\"c\":[{\"c\":[]},{\"c\":[{\"c\":[]}]}]}"],
            not: ["{}", "{\"c\":[{}]}", "{\"c\":[1]}"]),
        Case(true, ["1", "{\"a\":[null,{\"b\":\"c\"}]}", "\"x\""], not: ["", "{", "nul", "[1,]"]),
    ]

    @Test(arguments: scalars + strings) func scalarsFollowTheirSchema(_ test: Case) throws {
        try Self.check(test)
    }
    @Test(arguments: arrays + objects) func containersFollowTheirSchema(_ test: Case) throws {
        try Self.check(test)
    }
    @Test(arguments: combinations) func combinationsAreExact(_ test: Case) throws { try Self.check(test) }

    @Test(
        arguments: [
            (
                ["type": "array", "items": ["type": ["string", "null"]], "uniqueItems": true], "uniqueItems",
                "/uniqueItems"
            ),
            (["not": ["items": ["type": "string"], "uniqueItems": true]], "negated uniqueItems", "/not"),
            (
                ["type": "array", "items": ["enum": ["a", "b"]], "uniqueItems": true, "minItems": 3], "no value", ""
            ),
            (["unevaluatedProperties": false], "unevaluatedProperties", "/unevaluatedProperties"),
            (
                ["properties": ["a": ["type": "array", "uniqueItems": true]]], "uniqueItems",
                "/properties/a/uniqueItems"
            ),
            (["type": "string", "pattern": "(a)\\1"], "back reference", "/pattern"),
            (["$ref": "https://example.com/other.json"], "$ref", "#"),
            (["$ref": "#/$defs/none"], "$ref", "#"),
            (["type": "whole"], "type", "/type"),
            (["type": "string", "minLength": -1], "minLength", "/minLength"),
            (["required": ["a"], "properties": ["a": false], "type": "object"], "no value", ""),
            (["enum": []], "no value", ""), (["type": "array", "minItems": 1_000_000], "shortest", ""),
            (["$ref": "#"], "leads back", "#"), (["type": "array", "items": 3], "schema must be", "/items"),
        ] as [(JSONValue, String, String)])
    func whatCannotBeEnforcedIsRefusedByName(_ schema: JSONValue, _ word: String, _ pointer: String) {
        #expect {
            try CompiledGrammar(schema: schema)
        } throws: { error in
            guard let error = error as? GrammarError else { return false }
            return error.reason.contains(word) && error.pointer.hasSuffix(pointer)
        }
    }

    /// A schema that multiplies its alternatives ends in an error, not in hours.
    @Test func explosionsAreBounded() {
        let part: JSONValue = [
            "anyOf": .array(
                (0..<30).map {
                    ["properties": .object(JSONObject([("p\($0)", ["type": "string"])])), "type": "object"]
                })
        ]
        let schema: JSONValue = ["allOf": .array((0..<12).map { _ in part })]
        _ = try? CompiledGrammar(schema: schema)
        var deep: JSONValue = ["type": "integer"]
        for _ in 0..<2_000 { deep = ["not": deep] }
        #expect(throws: GrammarError.self) { try CompiledGrammar(schema: deep) }
    }
}
