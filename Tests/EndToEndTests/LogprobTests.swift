import Foundation
import MoedCore
import TestSupport
import Testing

/// Log-probabilities and controls of the output, by the program with the sample model.
@Suite(.enabled(if: MoedProgram.binary != nil, Comment(rawValue: MoedProgram.missing)))
struct LogprobTests {
    private static func line(_ members: String, content: String = "What is 27 + 58?") -> String {
        #"{"messages":[{"role":"user","content":"\#(content)"}],"seed":3,"max_tokens":60,\#(members)}"#
    }

    private static func answers(_ lines: [String], _ options: [String] = []) async throws -> [JSONValue] {
        let result = try await MoedProgram.run(
            ["generate", "--model", Fixtures.sampleModel.path] + options, input: lines.joined(separator: "\n"))
        #expect(result.status == 0, "\(result.errors)")
        return try result.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    private static let lines = [
        line(#""enable_thinking":false,"logprobs":true,"top_logprobs":3,"temperature":1.5"#),
        line(#""enable_thinking":true,"logprobs":true,"n":2"#),
        line(#""enable_thinking":false,"prompt_logprobs":2,"logprobs":true,"presence_penalty":1,"logit_bias":{"20":5}"#),
        line(#""guided_choice":["yes","no","nobody"],"choice_probabilities":true,"enable_thinking":false"#),
        line(#""bad_words":["8","5"],"min_tokens":9,"enable_thinking":false,"temperature":0"#),
    ]

    @Test func contentIsTheTokensOfTheList() async throws {
        let answers = try await Self.answers(Self.lines)
        try #require(answers.count == Self.lines.count)
        for answer in answers {
            for choice in answer["choices"]?.array ?? [] {
                guard let tokens = choice["logprobs"]?["content"]?.array else { continue }
                let bytes = tokens.flatMap { $0["bytes"]?.array ?? [] }.compactMap { $0.integer.flatMap(UInt8.init) }
                #expect(String(decoding: bytes, as: UTF8.self) == choice["message"]?["content"]?.string)
                #expect(!tokens.isEmpty && tokens.allSatisfy { $0["logprob"]?.number ?? 1 <= 0 })
            }
        }
        let prompt = try #require(answers[2]["prompt_logprobs"]?.array)
        #expect(prompt.count == answers[2]["usage"]?["prompt_tokens"]?.integer && prompt.first == .null)
        let probabilities = answers[3]["choices"]?.array?.first?["choice_probabilities"]?.object
        #expect(probabilities?.members.map(\.key) == ["yes", "no", "nobody"])
        let sum = (probabilities?.members ?? []).compactMap(\.value.number).reduce(0, +)
        #expect(abs(sum - 1) < 1e-5)
        let text = try #require(answers[4]["choices"]?.array?.first?["message"]?["content"]?.string)
        #expect(!text.contains("8") && !text.contains("5"), "\(text)")
    }

    /// Contract 2 holds for every number.
    @Test func theSameAloneAndInABatch() async throws {
        let batch = try await Self.answers(Self.lines.reversed(), ["--threads", "1", "--prefill-chunk", "5"])
        for (index, line) in Self.lines.enumerated() {
            let alone = try #require(try await Self.answers([line]).first)
            let together = batch[Self.lines.count - 1 - index]
            #expect(alone["choices"] == together["choices"], "\(index)")
            #expect(alone["prompt_logprobs"] == together["prompt_logprobs"], "\(index)")
        }
    }

    /// The numbers are those of `moed score` on the same tokens.
    @Test func scoringGivesTheSameNumbers() async throws {
        let answer = try #require(
            try await Self.answers([Self.lines[0]], ["--ids"]).first)
        let listed = try #require(answer["choices"]?.array?.first?["logprobs"]?["content"]?.array)
        let output = try #require(answer["choices"]?.array?.first?["output_ids"]?.array).compactMap(\.integer)
        let model = ["--model", Fixtures.sampleModel.path]
        let rendered = try await MoedProgram.run(
            ["template"] + model,
            input: #"{"messages":[{"role":"user","content":"What is 27 + 58?"}],"#
                + #""kwargs":{"enable_thinking":false,"add_generation_prompt":true}}"#)
        let tokenized = try await MoedProgram.run(["tokenize"] + model, input: rendered.output)
        let prompt = try #require(
            try JSONValue(parsing: tokenized.output)["ids"]?.array?.compactMap(\.integer), "\(tokenized.errors)")
        let ids = (prompt + output).map(String.init).joined(separator: ",")
        let scored = try await MoedProgram.run(
            ["score", "--model", Fixtures.sampleModel.path], input: #"{"ids":[\#(ids)]}"#)
        let logprobs = try JSONValue(parsing: scored.output)["logprobs"]?.array?.compactMap(\.number) ?? []
        for (index, entry) in listed.enumerated() {
            let expected = try #require(logprobs.dropFirst(prompt.count - 1 + index).first)
            #expect(abs((entry["logprob"]?.number ?? 1) - expected) < 2e-6, "\(index)")
        }
    }
}
