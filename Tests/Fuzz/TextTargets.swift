import MoedCore
import MoedText

/// JSON that parses comes back the same from its own text.
func fuzzJSON(_ bytes: [UInt8]) {
    guard let value = try? JSONValue(parsing: bytes) else { return }
    let text = value.serialized()
    let again = try? JSONValue(parsing: text)
    check(again == value, "reads back as \(String(describing: again))")
    check(again?.serialized() == text, "is written in two ways")
}

private let conversation = try? JSONValue(
    parsing: """
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2? ü\\n"},
         {"role": "assistant", "content": "<think>\\nhm\\n</think>\\n\\n4", "tool_calls":
          [{"type": "function", "function": {"name": "add", "arguments": {"a": 2, "b": [2.5, null, true]}}}]},
         {"role": "tool", "content": "4"}, {"role": "user", "content": [{"type": "text", "text": "And?"}]}]
        """)

private let tools = try? JSONValue(
    parsing: """
        [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "required": ["a", "b"]}}}]
        """)

/// A template that is accepted renders or refuses.
func fuzzTemplate(_ bytes: [UInt8]) {
    guard let template = try? ChatTemplate(source: String(decoding: bytes, as: UTF8.self), file: "fuzz"),
        let conversation
    else { return }
    let variables = JSONObject([("enable_thinking", .bool(true)), ("add_generation_prompt", .bool(true))])
    _ = try? template.render(messages: conversation, tools: tools, variables: variables)
}

/// A tokenizer that loads encodes any text, and decodes it alike at once and piece by piece.
func fuzzTokenizer(_ bytes: [UInt8]) {
    guard let tokenizer = try? Tokenizer(tokenizerJSON: bytes, file: "fuzz") else { return }
    for text in ["", "Hello, world 42!\n", "a\u{301}ñ 中文 \u{1F600}", "<|im_start|>user\nhi<|im_end|>"] {
        let ids = tokenizer.encode(text)
        _ = tokenizer.encodePlain(text)
        _ = tokenizer.decode(ids, skipSpecial: true)
        var stream = tokenizer.makeStream(skipSpecial: false)
        let pieces = ids.map { stream.append($0) } + [stream.finish()]
        check(pieces.joined() == tokenizer.decode(ids), "pieces differ from the whole: \(pieces)")
    }
}

/// A request's body as a tenant sends it. What is accepted renders or refuses, and stays within its documented ranges.
func fuzzRequest(_ bytes: [UInt8]) {
    guard let body = try? JSONValue(parsing: bytes), let request = try? GenerationRequest(body: body) else { return }
    check((request.maxTokens ?? 1) >= 0, "max_tokens \(request.maxTokens ?? 0)")
    guard case .messages(let messages) = request.prompt, let template = chatTemplate else { return }
    _ = try? template.render(messages: .array(messages), tools: nil, variables: request.templateVariables)
}

private let chatTemplate = try? ChatTemplate(
    source: """
        {%- for message in messages %}<|im_start|>{{ message.role }}
        {%- set content = message.content %}{% if content is string %}{{ content.split('</think>')[-1]|trim }}{% endif %}
        {%- for call in message.tool_calls or [] %}{{ call.function.name }} {{ call.function.arguments|tojson }}{% endfor %}
        {%- endfor %}{% if add_generation_prompt %}<think>{% if not enable_thinking %}</think>{% endif %}{% endif %}
        """, file: "fuzz")

/// A `tokenizer_config.json`, beside a tokenizer of two letters.
func fuzzTokens(_ bytes: [UInt8]) {
    guard let configuration = try? TokenizerConfiguration(bytes, file: "fuzz"),
        let tokenizer = try? Tokenizer(
            tokenizerJSON: Array(smallTokenizer.utf8), file: "small", configuration: configuration)
    else { return }
    _ = tokenizer.decode(tokenizer.encode("ab<|im_end|> \u{1F600}"))
    _ = try? ChatTemplate.load(tokenizerConfigJSON: bytes, chatTemplateFile: nil, file: "fuzz")
}

private let smallTokenizer = """
    {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [
      {"id": 2, "content": "<|im_end|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
     "normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
     "post_processor": null, "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
     "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "", "end_of_word_suffix": "",
      "fuse_unk": false, "byte_fallback": false, "vocab": {"a": 0, "b": 1}, "merges": []}}
    """
