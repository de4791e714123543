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
