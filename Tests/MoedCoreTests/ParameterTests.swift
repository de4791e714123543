import MoedCore
import Testing

/// Every documented parameter of OpenAI's and vLLM's APIs, with values and their outcome.
struct ParameterTests {
    private static let body = #"{"messages": [{"role": "user", "content": "Hi"}]"#

    private func outcome(_ name: String, _ value: String) throws -> RequestError? {
        let body = try JSONValue(parsing: Self.body + ", \"\(name)\": \(value)}")
        do throws(RequestError) {
            _ = try GenerationRequest(body: body)
            return nil
        } catch {
            return error
        }
    }

    /// Name, values that change nothing, values that would change something.
    private static let table: [(String, [String], [String])] = [
        ("user", ["\"u\""], []), ("metadata", ["{\"a\": \"b\"}"], []), ("store", ["true", "false"], []),
        ("service_tier", ["\"auto\"", "\"flex\""], []), ("priority", ["0", "-3"], []),
        ("safety_identifier", ["\"x\""], []), ("request_id", ["\"x\""], []),
        ("prompt_cache_key", ["\"x\""], []), ("prompt_cache_retention", ["\"24h\""], []),
        ("prediction", ["{\"type\": \"content\", \"content\": \"x\"}"], []), ("cache_salt", ["\"x\""], []),
        ("parallel_tool_calls", ["true", "false"], []),
        ("stream", ["false"], ["true"]), ("stream_options", ["{\"include_usage\": true}"], []),
        ("tools", ["[]", #"[{"type": "function", "function": {"name": "f"}}]"#], []),
        ("functions", ["[]"], [#"[{"name": "f"}]"#]), ("tool_choice", ["\"none\"", "\"auto\""], []),
        ("function_call", ["\"none\"", "\"auto\""], [#"{"name": "f"}"#]),
        ("guided_decoding_backend", ["\"auto\""], []),
        ("guided_grammar", ["\"root ::= x\""], []), ("grammar", ["\"\""], []), ("grammar_lazy", ["false"], ["true"]),
        ("grammar_triggers", ["[]"], [#"["x"]"#]), ("structural_tag", [], ["\"x\""]),
        ("logprobs", ["false", "true"], []), ("top_logprobs", ["0"], []), ("prompt_logprobs", ["0", "1", "20"], []),
        ("logit_bias", ["{}", #"{"5": 1, "7": -1e9}"#], []), ("min_tokens", ["0", "0.0", "9"], []),
        ("continue_final_message", ["false"], []), ("skip_special_tokens", ["true"], ["false"]),
        ("spaces_between_special_tokens", ["true"], ["false"]),
        ("include_stop_str_in_output", ["false", "true"], []), ("no_stop_trim", ["true"], []), ("detokenize", ["true"], ["false"]),
        ("use_beam_search", ["false"], ["true"]), ("best_of", ["1", "1.0"], ["2"]),
        ("length_penalty", ["1", "1.0"], ["0.5"]), ("early_stopping", ["false"], ["true"]),
        ("modalities", [#"["text"]"#], [#"["text", "audio"]"#]), ("audio", [], [#"{"voice": "x"}"#]),
        ("echo", ["false"], ["true"]), ("add_special_tokens", ["false"], ["true"]),
        ("documents", ["[]"], [#"[{"text": "x"}]"#]), ("chat_template", [], ["\"x\""]),
        ("truncate_prompt_tokens", [], ["5", "-1"]), ("allowed_token_ids", [], ["[1]"]),
        ("bad_words", ["[]", #"["x"]"#], []), ("logits_processors", ["[]"], ["[\"x\"]"]),
        ("vllm_xargs", ["{}"], [#"{"a": 1}"#]), ("mm_processor_kwargs", ["{}"], [#"{"a": 1}"#]),
        ("return_token_ids", ["false"], ["true"]), ("return_tokens_as_token_ids", ["false"], ["true"]),
        ("kv_transfer_params", [], ["{}"]), ("verbosity", ["\"medium\""], ["\"low\"", "\"high\""]),
        ("web_search_options", [], ["{}"]), ("n", ["1", "2"], []), ("answer_reserve", ["0", "100"], []),
        ("enable_thinking", ["true", "false"], []), ("reasoning_effort", ["\"low\"", "\"none\""], []),
    ]

    @Test(arguments: table)
    func valuesThatChangeNothingPass(name: String, harmless: [String], wanted: [String]) throws {
        for value in harmless + ["null"] { #expect(try outcome(name, value) == nil, "\(name): \(value)") }
        for value in wanted {
            let error = try outcome(name, value)
            #expect(error?.code == .unsupported && error?.param == name, "\(name): \(value)")
            #expect(error?.message.hasPrefix("\(name) is not supported: ") == true)
        }
    }

    /// Name, value, code, and a part of the message.
    @Test(
        arguments: [
            ("extra_body", "{}", .unknownField, "put its members into the body"),
            ("thinking", #"{"type": "enabled"}"#, .unknownField, "chat_template_kwargs.enable_thinking"),
            ("reasoning", #"{"effort": "low"}"#, .invalidValue, "reasoning_effort"),
            ("enable_thinking", "1", .invalidValue, "enable_thinking must be a boolean, not a number"),
            ("max_output_tokens", "5", .unknownField, "max_tokens"),
            ("custom_id", "\"a\"", .unknownField, "beside the body"),
            ("audio", "{}", .unsupported, "only plain text is generated"),
            ("params", "[1]", .invalidValue, "params must be an object, not an array"),
            ("params", "\"x\"", .invalidValue, "params must be an object, not a string"),
            ("params", "{}", .unknownField, "put its members into the body"),
            ("nonsense", "1", .unknownField, "unknown parameter nonsense"),
            ("temperature", "\"NaN\"", .invalidValue, "temperature is NaN, but must be in 0…2"),
            ("top_p", "\"-Infinity\"", .invalidValue, "top_p is -Infinity, but must be in 0…1"),
            ("max_tokens", "\"NaN\"", .invalidValue, "max_tokens is NaN, but must be in 1…2147483647"),
            (
                "seed", "18446744073709551615", .invalidValue,
                "seed is 18446744073709551615, but must be in -9223372036854775808…9223372036854775807 (64 bits)"
            ),
            ("seed", "1e30", .invalidValue, "(64 bits)"),
            ("seed", "0.5", .invalidValue, "seed must be a whole number, not 0.5"),
            ("seed", "\"1\"", .invalidValue, "seed must be a whole number, not a string"),
            ("answer_reserve", "-1", .invalidValue, "answer_reserve is -1, but must be in 0…2147483647"),
        ] as [(String, String, RequestError.Code, String)])
    func othersSayWhatIsWrong(name: String, value: String, code: RequestError.Code, part: String) throws {
        let error = try outcome(name, value)
        #expect(error?.code == code && error?.param == name)
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "no error")")
    }

    @Test func bodiesMustBeObjects() throws {
        let error = #expect(throws: RequestError.self) { try GenerationRequest(body: "x") }
        #expect(error?.message == "body must be an object, not a string")
        let empty = #expect(throws: RequestError.self) { try GenerationRequest(body: ["prompt": "x"]) }
        #expect(empty?.message.contains("role user") == true)
    }

    /// Names of `apply_chat_template`'s arguments and of what a template gets from moed.
    @Test(arguments: [
        "messages", "conversation", "tools", "documents", "chat_template", "add_generation_prompt",
        "continue_final_message", "tokenize", "padding", "truncation", "max_length", "return_tensors",
        "return_dict", "return_assistant_tokens_mask", "tokenizer_kwargs", "eos_token", "bos_token",
        "raise_exception", "strftime_now", "namespace",
    ])
    func variablesCannotReplaceWhatWasChecked(name: String) throws {
        let error = try outcome("chat_template_kwargs", "{\"\(name)\": []}")
        #expect(error?.code == .invalidValue && error?.param == "chat_template_kwargs.\(name)")
        #expect(try outcome("chat_template_kwargs", "{\"\(name)\": null}") == nil)
    }

    @Test func answersHaveARefusalThatIsNull() throws {
        let choice = GenerationChoice(
            index: 0, content: "x", reasoning: nil, finishReason: .stop, outputIDs: [1])
        let object = ChatCompletion.object(
            id: "i", created: 0, model: "m",
            result: GenerationResult(choices: [choice, choice], usage: Usage(), seed: 1))
        for choice in object["choices"]?.array ?? [] {
            #expect(choice["message"]?["refusal"] == .null)
        }
    }
}
