/// Parameters of OpenAI's and vLLM's APIs that moed does not implement.
///
/// A value that changes nothing is let through. Any other value is refused by name, with the reason.
enum UnsupportedParameters {
    /// Parameters that change no answer, whatever their value.
    static let ignored: Set<String> = [
        "user", "metadata", "store", "service_tier", "priority", "safety_identifier", "request_id",
        "prompt_cache_key", "prompt_cache_retention", "prediction", "stream_options",
        "cache_salt", "stream_reasoning", "guided_decoding_backend",
    ]

    private static let olderTools = "write it as tools and tool_choice"
    private static let plainText = "only plain text is generated"
    private static let noTags = "use tools, a JSON Schema, a regular expression, choices or a grammar"
    private static let noTriggers = "a grammar constrains the whole answer"

    /// Name, values that change nothing, reason of the refusal.
    private static let table: [(name: String, harmless: [JSONValue], reason: String)] = [
        ("stream", [false], "results are written when complete"),
        ("functions", [[]], olderTools), ("function_call", ["none", "auto"], olderTools),
        ("guided_whitespace_pattern", [], "white space is bounded already"), ("structural_tag", [], noTags),
        ("grammar_lazy", [false], noTriggers), ("grammar_triggers", [[]], noTriggers),
        ("modalities", [["text"]], plainText), ("audio", [], plainText),
        ("skip_special_tokens", [true], "answers hold no special tokens"),
        ("spaces_between_special_tokens", [true], "answers hold no special tokens"),
        ("detokenize", [true], "answers are text"),
        ("use_beam_search", [false], "answers are sampled"), ("best_of", [1], "answers are sampled"),
        ("early_stopping", [false], "answers are sampled"), ("length_penalty", [1], "answers are sampled"),
        ("typical_p", [1], "the sampler has no such filter"),
        ("allowed_token_ids", [], "all tokens may be sampled; see logit_bias and bad_words"),
        ("logits_processors", [[]], "the sampler cannot be extended"),
        ("vllm_xargs", [[:]], "the sampler cannot be extended"),
        ("repetition_detection", [], "the sampler has no such filter"),
        ("echo", [false], "answers do not repeat the prompt"),
        ("add_special_tokens", [false], "the chat template writes all special tokens"),
        ("documents", [[]], "put documents into the messages"),
        ("chat_template", [], "the checkpoint's own template is used"),
        ("truncate_prompt_tokens", [], "prompts are never cut"),
        ("prompt_embeds", [], "a prompt is text or token ids"),
        ("mm_processor_kwargs", [[:]], "the models read text only"),
        ("media_io_kwargs", [[:]], "the models read text only"),
        ("return_token_ids", [false], "use `moed generate --ids`"),
        ("return_tokens_as_token_ids", [false], "use `moed generate --ids`"),
        ("return_prompt_text", [false], "moed.jobs has the messages"),
        ("kv_transfer_params", [], "keys and values stay in the worker"),
        ("lora_path", [], "an adapter is a model of its own: name it as model"),
        ("separate_reasoning", [true], "the thinking is always apart; see include_reasoning"),
        ("verbosity", ["medium"], "ask for a length in the messages"),
        ("web_search_options", [], "nothing is searched"),
    ]

    /// Names that belong elsewhere, with the place.
    private static let misplaced = [
        "extra_body": "it is an argument of OpenAI's client: put its members into the body",
        "extra_headers": "it is an argument of OpenAI's client and no part of the body",
        "extra_query": "it is an argument of OpenAI's client and no part of the body",
        "timeout": "it is an argument of OpenAI's client; moed.enqueue has expires_at",
        "thinking": "the mode is set by reasoning or chat_template_kwargs.enable_thinking",
        "effort": "it is spelled reasoning_effort", "system": "put a message of the role system into messages",
        "instructions": "put a message of the role system into messages", "input": "put it into messages",
        "prompt": "put a message of the role user into messages",
        "max_output_tokens": "it is spelled max_tokens", "max_new_tokens": "it is spelled max_tokens",
        "stop_sequences": "it is spelled stop", "do_sample": "temperature 0 is greedy",
        "num_beams": "answers are sampled", "num_return_sequences": "it is spelled n",
        "custom_id": "it belongs beside the body in a batch line",
        "method": "it belongs beside the body in a batch line",
        "url": "it belongs beside the body in a batch line", "body": "put its members into the body itself",
        "params": "put its members into the body itself",
    ]

    /// Refuses every parameter of the table whose value would change something.
    static func refuse(in fields: RequestFields) throws(RequestError) {
        for row in table { try fields.refuse(row.name, unless: row.harmless, row.reason) }
    }

    /// Error of a member `params` that is no object: an argument of `moed.enqueue` arrives in the body like that.
    static func badParams(_ value: JSONValue?) -> RequestError? {
        guard let value, value != .null, value.object == nil else { return nil }
        return RequestError(.invalidValue, param: "params", "params must be an object, not \(value.kind)")
    }

    /// Error of a parameter that nobody knows.
    static func unknown(_ name: String) -> RequestError {
        let shown = String(name.prefix(80))
        let place = misplaced[name].map { ": \($0)" } ?? ""
        return RequestError(.unknownField, param: shown, "unknown parameter \(shown)\(place)")
    }
}
