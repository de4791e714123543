import MoedCore
import Testing

/// Constraints of answers in the spellings of OpenAI, vLLM, llama.cpp and SGLang.
struct AnswerConstraintTests {
    private static let schema: JSONValue = ["type": "integer"]

    private func read(_ members: (String, JSONValue)...) throws -> RequestedConstraint? {
        try GenerationRequest(
            body: .object(JSONObject([("messages", [["role": "user", "content": "x"]])] + members))
        )
        .constraint
    }

    @Test(
        arguments: [
            ("response_format", ["type": "json_schema", "json_schema": ["name": "n", "schema": schema]]),
            (
                "response_format",
                ["type": "json_schema", "json_schema": ["name": "n", "schema": schema, "strict": true]]
            ),
            ("response_format", ["type": "json_schema", "schema": schema]),
            ("response_format", ["type": "json_object", "schema": schema]),
            ("structured_outputs", ["json": schema]),
            ("structured_outputs", ["json": "{\"type\":\"integer\"}"]),
            ("guided_json", schema), ("guided_json", "{\"type\": \"integer\"}"), ("json_schema", schema),
        ] as [(String, JSONValue)])
    func schemas(_ name: String, _ value: JSONValue) throws {
        #expect(try read((name, value))?.constraint == .schema(Self.schema, isStrict: true))
    }

    @Test func otherKinds() throws {
        #expect(try read(("response_format", ["type": "text"])) == nil)
        #expect(
            try read(("response_format", ["type": "json_object"]))?.constraint
                == .schema(["type": "object"], isStrict: true))
        #expect(try read(("guided_regex", "a+"))?.constraint == .regex("a+"))
        #expect(
            try read(("structured_outputs", ["choice": ["a", "b"]]))?.constraint == .choices(["a", "b"]))
        let loose: JSONValue = [
            "type": "json_schema", "json_schema": ["name": "n", "schema": Self.schema, "strict": false],
        ]
        #expect(try read(("response_format", loose))?.constraint == .schema(Self.schema, isStrict: false))
    }

    @Test(
        arguments: [
            ("response_format", ["type": "xml"], "response_format.type"),
            ("response_format", ["type": "json_schema"], "response_format.json_schema"),
            (
                "response_format", ["type": "json_schema", "json_schema": ["name": "n"]],
                "response_format.json_schema.schema"
            ),
            ("response_format", "json", "response_format"), ("structured_outputs", [:], "structured_outputs"),
            ("structured_outputs", ["json": ["type": "object"], "regex": "a"], "structured_outputs"),
            ("structured_outputs", ["grammar": ""], "structured_outputs.grammar"),
            ("structured_outputs", ["structural_tag": "{}"], "structured_outputs.structural_tag"),
            (
                "structured_outputs", ["json": ["type": "object"], "whitespace_pattern": " "],
                "structured_outputs.whitespace_pattern"
            ),
            ("structured_outputs", ["json_object": false], "structured_outputs.json_object"),
            ("guided_choice", [], "guided_choice"), ("guided_choice", ["a", 1], "guided_choice"),
            ("guided_json", "{", "guided_json"), ("guided_json", 3, "guided_json"),
            ("guided_regex", 3, "guided_regex"),
            ("guided_grammar", 3, "guided_grammar"), ("grammar", ["root"], "grammar"), ("ebnf", "", "ebnf"),
        ] as [(String, JSONValue, String)])
    func badOnesNameTheirField(_ name: String, _ value: JSONValue, _ param: String) {
        #expect {
            try read((name, value))
        } throws: { error in
            (error as? RequestError)?.param == param
        }
    }

    @Test(arguments: [("guided_grammar", "guided_grammar"), ("grammar", "grammar"), ("ebnf", "ebnf")])
    func grammarsHaveAFieldInEachSpelling(_ name: String, _ param: String) throws {
        let found = try read((name, "root ::= \"x\""))
        #expect(found == RequestedConstraint(.grammar("root ::= \"x\""), param: param))
        #expect(RequestedConstraint.isPossible(in: "{\"\(name)\": \"root ::= 'x'\"}"))
    }

    @Test func vLLMsGrammarIsAMemberOfStructuredOutputs() throws {
        let found = try read(("structured_outputs", ["grammar": "root ::= \"x\""]))
        #expect(found == RequestedConstraint(.grammar("root ::= \"x\""), param: "structured_outputs.grammar"))
    }

    @Test func anEmptyGrammarOfLlamaCppIsNone() throws {
        #expect(try read(("grammar", "")) == nil)
        #expect(try read(("grammar", ""), ("json_schema", Self.schema))?.param == "json_schema")
    }

    @Test func twoConstraintsExcludeEachOther() {
        #expect(throws: RequestError.self) { try read(("guided_regex", "a"), ("guided_choice", ["a"])) }
    }
}
