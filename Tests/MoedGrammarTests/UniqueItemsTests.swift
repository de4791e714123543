import MoedCore
import MoedGrammar
import Testing

/// Arrays whose items are different strings.
struct UniqueItemsTests {
    private static let few: JSONValue = ["type": "array", "items": ["enum": ["a", "b", "cé"]], "uniqueItems": true]
    private static let any: JSONValue = [
        "type": "array", "items": ["type": "string"], "uniqueItems": true, "minItems": 2, "maxItems": 3,
    ]
    private static let member: JSONValue = [
        "type": "object",
        "properties": [
            "t": [
                "type": "array", "items": ["type": "string", "pattern": "^[a-z]+$", "maxLength": 2],
                "uniqueItems": true,
            ],
            "u": ["type": "integer"],
        ],
        "required": ["t"],
    ]
    private static let one: JSONValue = [
        "type": ["array", "string"], "items": ["type": "array", "items": ["type": "string"]], "maxItems": 1,
        "uniqueItems": true,
    ]

    @Test(arguments: [
        SchemaTests.Case(
            few, ["[]", #"["a"]"#, #"["b","a"]"#, #"["cé", "a","b"]"#, #"["\u0061","b"]"#, #"[ "a" ]"#],
            not: [
                #"["a","a"]"#, #"["a","\u0061"]"#, #"["a","b","a"]"#, #"["d"]"#, #"["a",]"#, #"["a":1]"#, #"{"a"}"#,
                #"["a","b","cé","a"]"#, #"["a"}"#,
            ]),
        SchemaTests.Case(
            any, [#"["x","y"]"#, #"["x","y","z"]"#, #"["","a"]"#, #"["x","xx","xxx"]"#],
            not: [
                #"["x"]"#, #"["x","x"]"#, #"["x","y","x"]"#, #"["a","b","c","d"]"#, "[]", #"["",""]"#, #"["/","\/"]"#,
            ]),
        SchemaTests.Case(
            member, [#"{"t":["ab","a"],"u":1}"#, #"{"t": ["ab", "a"], "u": 1}"#, #"{"t":[]}"#],
            not: [#"{"t":["ab","ab"]}"#, #"{"t":["abc"]}"#]),
        SchemaTests.Case(one, [#"[["x","x"]]"#, #""x""#], not: [#"["x"]"#]),
    ])
    func equalItemsAreRefused(_ test: SchemaTests.Case) throws { try SchemaTests.check(test) }

    /// Without `strict` what cannot be enforced is said.
    @Test func aLooseSchemaWarns() throws {
        let loose = try CompiledGrammar(
            schema: ["type": "array", "items": ["type": "integer"], "uniqueItems": true], isStrict: false)
        #expect(loose.warnings == ["uniqueItems at # was not enforced"])
        #expect(TextAcceptor(loose).accepts(Array("[1,1]".utf8)))
    }
}
