import MoedCore
import Testing

/// Members that steer the output's tokens, and the shape of log-probabilities.
struct OutputParameterTests {
    private func request(_ members: String) throws -> GenerationRequest {
        try GenerationRequest(
            body: try JSONValue(parsing: #"{"messages": [{"role": "user", "content": "Hi"}], \#(members)}"#))
    }

    @Test(arguments: [
        (#""top_logprobs": 3"#, "top_logprobs"), (#""logprobs": true, "top_logprobs": 21"#, "top_logprobs"),
        (#""logprobs": 3"#, "logprobs"), (#""prompt_logprobs": -1"#, "prompt_logprobs"),
        (#""logit_bias": {"a": 1}"#, "logit_bias"), (#""logit_bias": {"-1": 1}"#, "logit_bias"),
        (#""logit_bias": {"5": "x"}"#, "logit_bias.5"), (#""logit_bias": [1]"#, "logit_bias"),
        (#""bad_words": [""]"#, "bad_words"), (#""bad_words": "x""#, "bad_words"), (#""bad_words": [1]"#, "bad_words"),
        (#""min_tokens": -1"#, "min_tokens"), (#""min_tokens": 3, "max_tokens": 2"#, "min_tokens"),
        (#""include_stop_str_in_output": 1"#, "include_stop_str_in_output"),
        (#""continue_final_message": true"#, "continue_final_message"),
        (#""choice_probabilities": 1"#, "choice_probabilities"),
    ])
    func badValuesAreNamed(members: String, param: String) throws {
        let error = #expect(throws: RequestError.self) { try request(members) }
        #expect(error?.param == param && error?.code == .invalidValue, "\(String(describing: error))")
    }

    @Test func valuesAreRead() throws {
        let read = try request(
            #""logprobs": true, "top_logprobs": 4, "prompt_logprobs": 0, "logit_bias": {"5": 1.5, "7": -1e9, "8": 300}, "#
                + #""bad_words": ["a b"], "min_tokens": 2, "include_stop_str_in_output": true, "reasoning_effort": "low""#)
        #expect(read.logprobs == 4 && read.promptLogprobs == 0 && read.minTokens == 2 && read.includesStop)
        #expect(read.logitBias == [5: 1.5, 7: -100, 8: 100] && read.badWords == ["a b"] && read.effort == "low")
        #expect(try request(#""logprobs": true"#).logprobs == 0)
        #expect(try request(#""logprobs": false, "top_logprobs": 0"#).logprobs == nil)
    }

    @Test(arguments: [
        (#"{"role": "assistant", "content": "So"}"#, "", true), (#"{"role": "user", "content": "So"}"#, "", false),
        (#"{"role": "assistant", "content": " "}"#, "", false),
        (#"{"role": "assistant", "content": "So"}"#, #", "add_generation_prompt": true"#, false),
        (#"{"role": "assistant", "content": "So"}"#, #", "add_generation_prompt": false"#, true),
        (#"{"role": "assistant", "content": "So", "tool_calls": [{"function": {"name": "f"}}]}"#, "", false),
    ])
    func aPrefilledMessageIsTheAssistants(last: String, more: String, isRight: Bool) throws {
        let body = try JSONValue(
            parsing: #"{"messages": [{"role": "user", "content": "Hi"}, \#(last)], "continue_final_message": true\#(more)}"#)
        do throws(RequestError) {
            let request = try GenerationRequest(body: body)
            #expect(isRight && request.continuesFinalMessage && !request.addGenerationPrompt)
        } catch {
            #expect(!isRight && error.param == "continue_final_message")
        }
    }

    @Test func logprobsHaveTheShapeOfOpenAI() throws {
        let report = TokenReport(
            token: .init(id: 7, logprob: -0.1234567), rank: 2,
            top: [.init(id: 6, logprob: -1e-9), .init(id: 7, logprob: -0.1234567)])
        let entry = TokenLogprob(report) { $0 == 7 ? [0xE2, 0x82] : [65] }
        var choice = GenerationChoice(index: 0, content: "x", reasoning: nil, finishReason: .stop, outputIDs: [1])
        choice.logprobs = [entry]
        choice.stopReason = .text("s")
        choice.choiceProbabilities = [.init(choice: "x", probability: 0.5)]
        var result = GenerationResult(choices: [choice], usage: Usage(), seed: 1)
        result.promptLogprobs = [entry]
        let object = ChatCompletion.object(id: "i", created: 0, model: "m", result: result)
        let shown = try #require(object["choices"]?.array?.first)
        #expect(
            shown["logprobs"] == [
                "content": [
                    [
                        "token": "\u{FFFD}", "logprob": -0.123457, "bytes": [226, 130],
                        "top_logprobs": [
                            ["token": "A", "logprob": 0.0, "bytes": [65]],
                            ["token": "\u{FFFD}", "logprob": -0.123457, "bytes": [226, 130]],
                        ],
                    ]
                ], "refusal": .null,
            ])
        #expect(shown["stop_reason"] == "s" && shown["choice_probabilities"] == ["x": 0.5])
        #expect(
            object["prompt_logprobs"] == [
                .null,
                [
                    "7": ["logprob": -0.123457, "rank": 2, "decoded_token": "\u{FFFD}"],
                    "6": ["logprob": 0.0, "rank": 1, "decoded_token": "A"],
                ],
            ])
    }
}
