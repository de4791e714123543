import MoedCore
import Testing

struct GenerationRequestTests {
    /// The request of a body with one message and these further members.
    private func request(_ members: String) throws -> GenerationRequest {
        let separator = members.isEmpty ? "" : ", "
        let body = #"{"messages": [{"role": "user", "content": "Hi"}]"# + separator + members + "}"
        return try GenerationRequest(body: JSONValue(parsing: body))
    }

    private func error(_ members: String) -> RequestError? {
        #expect(throws: RequestError.self) { try request(members) }
    }

    @Test func aBodyOfMessagesAloneLeavesAllToTheDefaults() throws {
        var expected = GenerationRequest(prompt: .messages([["role": "user", "content": "Hi"]]))
        #expect(try request("") == expected)
        // Null is absent, as in OpenAI's API.
        #expect(try request(#""temperature": null, "stop": null, "seed": null, "tools": null"#) == expected)
        expected.temperature = 0
        #expect(try request(#""temperature": 0"#) == expected)
    }

    @Test func everyFieldIsRead() throws {
        let request = try request(
            #"""
            "model": "m", "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "top_k": 20, "min_p": 0.1,
            "presence_penalty": -2, "frequency_penalty": 2, "repetition_penalty": 1.1, "seed": -1, "stop": ["a", "b"],
            "stop_token_ids": [0, 5], "ignore_eos": true, "n": 3, "include_reasoning": false,
            "add_generation_prompt": false, "thinking_token_budget": 9,
            "chat_template_kwargs": {"enable_thinking": true, "x": 1}
            """#)
        #expect(request.model == "m")
        #expect(request.maxTokens == 7)
        #expect(request.temperature == 0.5)
        #expect(request.topP == 0.9)
        #expect(request.topK == 20)
        #expect(request.minP == 0.1)
        #expect(request.presencePenalty == -2)
        #expect(request.frequencyPenalty == 2)
        #expect(request.repetitionPenalty == 1.1)
        #expect(request.seed == .max)
        #expect(request.stop == ["a", "b"])
        #expect(request.stopTokenIDs == [0, 5])
        #expect(request.ignoreEOS)
        #expect(request.choices == 3)
        #expect(!request.includeReasoning)
        #expect(!request.addGenerationPrompt)
        #expect(request.thinkingTokenBudget == 9)
        #expect(request.mode == .thinking)
        #expect(request.templateVariables["x"] == 1)
    }

    /// Least and greatest allowed value of each numeric field, and the nearest that are not.
    @Test(
        arguments: [
            ("max_tokens", ["1", "2147483647", "3.0"], ["0", "-1", "2147483648", "1.5", "1e300"]),
            ("max_completion_tokens", ["1"], ["0", "-9223372036854775808"]),
            ("temperature", ["0", "2", "0.0"], ["-0.001", "2.001", "1e308"]),
            ("top_p", ["1", "1e-9"], ["0", "0.0", "-1", "1.0001"]),
            ("top_k", ["-1", "0", "2147483647"], ["-2", "2147483648", "0.5"]),
            ("min_p", ["0", "1"], ["-0.1", "1.1"]),
            ("presence_penalty", ["-2", "2"], ["-2.1", "2.1"]),
            ("frequency_penalty", ["-2", "2"], ["-2.1", "2.1"]),
            ("repetition_penalty", ["0.5", "1000"], ["0", "-1", "1000.1"]),
            ("seed", ["0", "-9223372036854775808", "9223372036854775807"], ["9223372036854775808", "0.5"]),
            ("n", ["1", "128"], ["0", "129", "-1"]),
            ("thinking_token_budget", ["-1", "0", "2147483647"], ["-2", "2147483648", "0.5"]),
            ("thinking_budget", ["-1", "0"], ["-2"]),
        ])
    func rangesOfNumbers(field: String, good: [String], bad: [String]) throws {
        for value in good { _ = try request("\"\(field)\": \(value)") }
        for value in bad + ["\"1\"", "true", "[]", "{}"] {
            let error = error("\"\(field)\": \(value)")
            #expect(error?.code == .invalidValue, "\(field): \(value)")
            #expect(error?.param == field, "\(field): \(value)")
            #expect(error?.message.contains(field) == true)
        }
    }

    @Test(
        arguments: [
            ("model", "5", "model"), ("ignore_eos", "1", "ignore_eos"),
            ("include_reasoning", "\"no\"", "include_reasoning"),
            ("add_generation_prompt", "0", "add_generation_prompt"),
            ("chat_template_kwargs", "[]", "chat_template_kwargs"),
            ("stop_token_ids", "5", "stop_token_ids"), ("stop_token_ids", "[1, -1]", "stop_token_ids[1]"),
            ("stop_token_ids", "[2147483648]", "stop_token_ids[0]"),
            ("stop_token_ids", "[0.5]", "stop_token_ids[0]"),
            ("stop", "5", "stop"), ("stop", "[5]", "stop"), ("stop", "\"\"", "stop"),
            ("stop", "[\"a\", \"\"]", "stop"),
            ("stop", "{}", "stop"), ("reasoning_effort", "\"huge\"", "reasoning_effort"),
            ("reasoning_effort", "1", "reasoning_effort"), ("reasoning", "\"sometimes\"", "reasoning"),
            ("reasoning", "{}", "reasoning"), ("prompt", "\"x\"", "prompt"),
            ("chat_template_kwargs", "{\"enable_thinking\": 1}", "chat_template_kwargs.enable_thinking"),
        ])
    func wrongTypesNameTheField(field: String, value: String, param: String) {
        let error = error("\"\(field)\": \(value)")
        #expect(error?.code == .invalidValue)
        #expect(error?.param == param)
    }

    @Test func aFractionIsShownAsWhatItIs() {
        #expect(error(#""n": 1.5"#)?.message == "n must be a whole number, not 1.5")
        #expect(error(#""n": "x""#)?.message == "n must be a whole number, not a string")
    }

    @Test func stopForms() throws {
        #expect(try request(#""stop": "END""#).stop == ["END"])
        #expect(try request(#""stop": []"#).stop == [])
        #expect(try request(#""stop": ["a", "a\u0000b"]"#).stop == ["a", "a\u{0}b"])
        let most = Array(repeating: "\"s\"", count: 64)
        #expect(try request("\"stop\": [\(most.joined(separator: ","))]").stop.count == 64)
        #expect(error("\"stop\": [\((most + ["\"s\""]).joined(separator: ","))]")?.param == "stop")
        _ = try request("\"stop\": \"\(String(repeating: "x", count: 4096))\"")
        #expect(error("\"stop\": \"\(String(repeating: "x", count: 4097))\"")?.param == "stop")
    }

    @Test func aliases() throws {
        #expect(try request(#""thinking_budget": 5"#).thinkingTokenBudget == 5)
        #expect(try request(#""thinking_budget": 5, "thinking_token_budget": 6"#).thinkingTokenBudget == 6)
        #expect(try request(#""max_tokens": 5, "max_completion_tokens": 6"#).maxTokens == 6)
        #expect(error(#""max_tokens": 0, "max_completion_tokens": 6"#)?.param == "max_tokens")
    }

    @Test func minusOneIsNoLimit() throws {
        #expect(try request(#""thinking_token_budget": -1"#).thinkingTokenBudget == nil)
        #expect(try request(#""thinking_token_budget": 0"#).thinkingTokenBudget == 0)
        #expect(try request(#""top_k": -1"#).topK == 0)
    }

    @Test(
        arguments: [
            (#""reasoning": "non_thinking""#, .nonThinking), (#""reasoning": "thinking""#, .thinking),
            (#""reasoning_effort": "none""#, .nonThinking), (#""reasoning_effort": "low""#, .thinking),
            (#""chat_template_kwargs": {"enable_thinking": false}"#, .nonThinking),
            (#""chat_template_kwargs": {"enable_thinking": null}, "reasoning_effort": "high""#, .thinking),
            (#""enable_thinking": false"#, .nonThinking), (#""enable_thinking": true"#, .thinking),
            (#""enable_thinking": null, "reasoning": null"#, nil),
            (
                #""enable_thinking": false, "chat_template_kwargs": {"enable_thinking": false}, "reasoning_effort": "none""#,
                .nonThinking
            ),
            (#""chat_template_kwargs": {}"#, nil),
        ] as [(String, ReasoningMode?)])
    func modes(members: String, mode: ReasoningMode?) throws {
        #expect(try request(members).mode == mode)
    }

    /// The last of two members that contradict each other is at fault.
    @Test(arguments: [
        (#""chat_template_kwargs": {"enable_thinking": false}, "reasoning_effort": "high""#, "reasoning_effort"),
        (#""enable_thinking": true, "chat_template_kwargs": {"enable_thinking": false}"#, "enable_thinking"),
        (#""enable_thinking": true, "reasoning": "non_thinking""#, "reasoning"),
        (#""reasoning": "thinking", "reasoning_effort": "none""#, "reasoning_effort"),
    ])
    func contradictingModesAreRefused(members: String, param: String) {
        let error = error(members)
        #expect(error?.code == .invalidValue && error?.param == param)
        #expect(error?.message.contains("turns thinking o") == true)
    }

    @Test func enableThinkingIsAVariableOfTheTemplate() throws {
        #expect(
            try request(#""enable_thinking": false"#)
                == request(#""chat_template_kwargs": {"enable_thinking": false}"#))
    }

    @Test func unknownFieldsAreNamed() {
        let error = error(#""temprature": 1"#)
        #expect(error == RequestError(.unknownField, param: "temprature", "unknown parameter temprature"))
    }

    @Test(
        arguments: [
            ("[]", .invalidValue, nil), ("\"x\"", .invalidValue, nil), ("{}", .missingField, "messages"),
            (#"{"messages": null}"#, .missingField, "messages"),
            (#"{"messages": []}"#, .invalidValue, "messages"),
            (#"{"messages": "x"}"#, .invalidValue, "messages"),
            (#"{"messages": [1]}"#, .invalidValue, "messages[0]"),
            (
                #"{"messages": [{"role": "user", "content": ""}, {"content": "x"}]}"#, .invalidValue,
                "messages[1].role"
            ),
            (#"{"messages": [{"role": 1, "content": "x"}]}"#, .invalidValue, "messages[0].role"),
            (#"{"messages": [{"role": "user", "content": 5}]}"#, .invalidValue, "messages[0].content"),
            (#"{"messages": [{"role": "user", "content": {}}]}"#, .invalidValue, "messages[0].content"),
            (#"{"messages": [{"role": "user"}]}"#, .missingField, "messages[0].content"),
            (#"{"messages": [{"role": "system", "content": null}]}"#, .missingField, "messages[0].content"),
            (#"{"messages": [{"role": "user", "content": [5]}]}"#, .invalidValue, "messages[0].content[0]"),
            (
                #"{"messages": [{"role": "user", "content": ["a", {"type": "image_url", "image_url": {}}]}]}"#,
                .unsupported, "messages[0].content[1]"
            ),
            (
                #"{"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}"#, .invalidValue,
                "messages[0].content[0]"
            ),
            (#"{"prompt_ids": []}"#, .invalidValue, "prompt_ids"),
            (#"{"prompt_ids": "x"}"#, .invalidValue, "prompt_ids"),
            (#"{"prompt_ids": [1, "2"]}"#, .invalidValue, "prompt_ids[1]"),
            (#"{"prompt_ids": [1], "messages": [{"role": "user"}]}"#, .invalidValue, "prompt_ids"),
        ] as [(String, RequestError.Code, String?)])
    func promptsThatAreNone(body: String, code: RequestError.Code, param: String?) throws {
        let value = try JSONValue(parsing: body)
        let error = #expect(throws: RequestError.self) { try GenerationRequest(body: value) }
        #expect(error?.code == code)
        #expect(error?.param == param)
    }

    @Test func tokensAreAPrompt() throws {
        let request = try GenerationRequest(body: ["prompt_ids": [0, 2_147_483_647]])
        #expect(request.prompt == .tokens([0, .max]))
    }

    @Test func textIsKeptAsItIs() throws {
        let hostile = "'; DROP TABLE moed.job; --\u{0}\u{202e}<think>"
        let body: JSONValue = ["messages": [["role": "user", "content": .string(hostile), "extra": 1]]]
        guard case .messages(let messages) = try GenerationRequest(body: body).prompt else {
            Issue.record("not messages")
            return
        }
        #expect(messages[0]["content"] == .string(hostile))
        #expect(messages[0]["extra"] == 1)
    }

    @Test func textPartsBecomeOneText() throws {
        let parts: JSONValue = [["type": "text", "text": "What is"], "27 + 58?"]
        let body: JSONValue = [
            "messages": [["role": "user", "content": parts], ["role": "assistant", "content": .null]]
        ]
        let request = try GenerationRequest(body: body)
        #expect(
            request.prompt
                == .messages([
                    ["role": "user", "content": "What is\n27 + 58?"],
                    ["role": "assistant", "content": ""],
                ]))
    }

    @Test func errorsPrintCodeFieldAndReason() {
        #expect(
            RequestError(.invalidValue, param: "n", "too many").description == "invalid_value (n): too many")
        #expect(RequestError(.invalidJSON, "no").description == "invalid_json: no")
    }
}
