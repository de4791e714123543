import Foundation
import MoedCore
import TestSupport
import Testing

/// Tool calls of a model that knows nothing of them, demanded by the request.
@Suite(.enabled(if: MoedProgram.binary != nil, Comment(rawValue: MoedProgram.missing)))
struct ToolTests {
    private static let tools = #"""
        "tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":
        {"city":{"enum":["Paris","Rome"]},"days":{"type":"integer","minimum":1,"maximum":9}},"required":["city","days"],
        "additionalProperties":false}}},{"type":"function","function":{"name":"now"}}]
        """#.replacing("\n", with: "")

    private static func line(_ seed: Int, _ members: String, thinks: Bool = false) -> String {
        #"{"messages":[{"role":"user","content":"How is it?"}],"seed":\#(seed),"temperature":1,"max_tokens":150,"#
            + #""enable_thinking":\#(thinks),\#(tools),\#(members)}"#
    }

    private static let lines: [String] = (1...4).flatMap { seed in
        [
            line(seed, #""tool_choice":"required","n":2"#, thinks: seed % 2 == 0),
            line(seed, #""tool_choice":{"type":"function","function":{"name":"weather"}}"#),
            line(seed, #""tool_choice":"auto""#),
        ]
    }

    private static func answers(_ lines: [String], _ options: [String] = []) async throws -> [JSONValue] {
        let result = try await MoedProgram.run(
            ["generate", "--model", Fixtures.sampleModel.path] + options, input: lines.joined(separator: "\n"))
        #expect(result.status == 0, "\(result.errors)")
        return try result.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    @Test func demandedCallsAreMade() async throws {
        let answers = try await Self.answers(Self.lines)
        try #require(answers.count == Self.lines.count)
        var ids: Set<String> = []
        var count = 0
        for (index, answer) in answers.enumerated() {
            let choices = try #require(answer["choices"]?.array, "\(answer)")
            #expect(choices.count == (index % 3 == 0 ? 2 : 1))
            for choice in choices where index % 3 < 2 {
                let calls = try #require(choice["message"]?["tool_calls"]?.array, "\(choice)")
                #expect(choice["finish_reason"] == "tool_calls" && choice["message"]?["content"] == .null)
                for call in calls {
                    count += 1
                    ids.insert(call["id"]?.string ?? "")
                    let arguments = try JSONValue(parsing: call["function"]?["arguments"]?.string ?? "")
                    switch call["function"]?["name"] {
                    case "weather":
                        #expect(["Paris", "Rome"].contains(arguments["city"]?.string))
                        #expect((1...9).contains(arguments["days"]?.integer ?? 0))
                    case "now": #expect(index % 3 == 0 && arguments == [:])
                    default: Issue.record("\(call)")
                    }
                }
            }
        }
        #expect(ids.count == count && count >= 12)
    }

    /// Contract 2 holds, ids included. A line's number is its job here, so the lines keep their places.
    @Test func theSameInAnyBatch() async throws {
        let first = try await Self.answers(Self.lines)
        let second = try await Self.answers(Self.lines, ["--threads", "1", "--prefill-chunk", "7"])
        #expect(first.map { $0["choices"] } == second.map { $0["choices"] })
    }
}
