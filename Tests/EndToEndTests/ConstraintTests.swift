import Foundation
import MoedCore
import TestSupport
import Testing

/// Constrained answers of a model that knows nothing of JSON, at temperature 1.
@Suite(.enabled(if: MoedProgram.binary != nil, Comment(rawValue: MoedProgram.missing)))
struct ConstraintTests {
    private static let schema = #"""
        {"type":"object","properties":{"n":{"type":"integer","minimum":3,"maximum":77},"s":{"type":"string","maxLength":12},
         "l":{"type":"array","items":{"enum":["a","b"]},"minItems":1,"maxItems":3}},"required":["n","s","l"],
         "additionalProperties":false}
        """#.replacing("\n", with: "")

    private static func line(_ seed: Int, _ constraint: String, tokens: Int = 120, thinks: Bool = false) -> String {
        #"{"messages":[{"role":"user","content":"Tell me about \#(seed)"}],"seed":\#(seed),"temperature":1,"#
            + #""max_tokens":\#(tokens),"enable_thinking":\#(thinks),\#(constraint)}"#
    }

    private static let lines: [String] = (1...4).flatMap { seed in
        [
            line(
                seed, #""response_format":{"type":"json_schema","json_schema":{"name":"x","schema":\#(schema)}}"#,
                thinks: seed % 2 == 0),
            line(seed, #""response_format":{"type":"json_object"}"#, tokens: 40),
            line(seed, #""guided_regex":"[a-f]{3}-[0-9]+""#, tokens: 12),
            line(seed, #""guided_choice":["yes","no","perhaps"]"#),
        ]
    }

    private static func answers(_ lines: [String], _ options: [String] = []) async throws -> [JSONValue] {
        let result = try await MoedProgram.run(
            ["generate", "--model", Fixtures.sampleModel.path] + options, input: lines.joined(separator: "\n"))
        #expect(result.status == 0, "\(result.errors)")
        return try result.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    private static func content(_ answer: JSONValue) -> String {
        answer["choices"]?.array?.first?["message"]?["content"]?.string ?? "\(answer["error"] ?? .null)"
    }

    @Test func answersAreWholeAndValid() async throws {
        let answers = try await Self.answers(Self.lines)
        try #require(answers.count == Self.lines.count)
        for (index, answer) in answers.enumerated() {
            let text = Self.content(answer)
            #expect(answer["choices"]?.array?.first?["finish_reason"] == "stop", "\(text)")
            switch index % 4 {
            case 0:
                let value = try JSONValue(parsing: text)
                let list = try #require(value["l"]?.array)
                #expect((3...77).contains(value["n"]?.integer ?? 0), "\(text)")
                #expect((value["s"]?.string?.unicodeScalars.count ?? 99) <= 12, "\(text)")
                #expect((1...3).contains(list.count) && list.allSatisfy { ["a", "b"].contains($0) }, "\(text)")
                #expect(value.object?.count == 3, "\(text)")
            case 1: #expect(try JSONValue(parsing: text).object != nil, "\(text)")
            case 2: #expect(text.wholeMatch(of: #/[a-f]{3}-[0-9]+/#) != nil, "\(text)")
            default: #expect(["yes", "no", "perhaps"].contains(text), "\(text)")
            }
        }
    }

    /// Contract 2: masks depend on the answer's own tokens only.
    @Test func theSameAloneAndInABatch() async throws {
        let batch = try await Self.answers(Self.lines.reversed(), ["--threads", "1", "--prefill-chunk", "7"])
        for index in [0, 1, 2, 4] {
            let alone = try await Self.answers([Self.lines[index]])
            #expect(alone.map(Self.content) == [Self.content(batch[Self.lines.count - 1 - index])], "\(index)")
        }
    }

    @Test func constraintsThatCannotBeMetAreNamed() async throws {
        func format(_ schema: String) -> String {
            #""response_format":{"type":"json_schema","json_schema":{"name":"x","schema":\#(schema)}}"#
        }
        let answers = try await Self.answers([
            Self.line(1, format(#"{"type":"string","minLength":40}"#), tokens: 5),
            Self.line(2, format(#"{"type":"array","uniqueItems":true}"#)), Self.line(3, #""guided_regex":"(a""#),
        ])
        #expect(answers[0]["error"]?["param"] == "max_tokens", "\(answers[0])")
        #expect(answers[1]["error"]?["message"]?.string?.contains("/uniqueItems") == true, "\(answers[1])")
        #expect(answers.count == 3 && answers[2]["error"] != nil)
    }
}
