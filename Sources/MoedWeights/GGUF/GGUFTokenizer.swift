import MoedCore

/// The tokenizer of a GGUF model, as a `tokenizer.json`.
struct GGUFTokenizer {
    /// The pattern that `tokenizer.ggml.pre` = `qwen2` stands for.
    private static let pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"#
        + #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let endTexts = ["<|im_end|>", "<|endoftext|>"]

    let file: JSONObject
    /// Ids that end an answer.
    let ends: [Int]
    private let texts: [String]

    /// Kinds of tokens.
    private enum Kind: Int {
        case normal = 1
        case control = 3
        case userDefined = 4
        case unused = 5
    }

    /// - Throws: `EngineError(.badCheckpoint)` or `(.unsupportedModel)` naming the key.
    init(_ metadata: GGUFMetadata) throws(EngineError) {
        for (key, value) in [("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", "qwen2")] {
            let found = try metadata.string(key) ?? "missing"
            guard found == value else {
                throw metadata.unsupported(
                    key,
                    "is \(found.prefix(40)); \(value) is supported. Put the model's tokenizer.json beside the file")
            }
        }
        if metadata["tokenizer.ggml.add_bos_token"] == true {
            throw metadata.unsupported(
                "tokenizer.ggml.add_bos_token", "is true: prompts begin without a token of their own")
        }
        var texts: [String] = []
        for (index, value) in try metadata.array("tokenizer.ggml.tokens").enumerated() {
            guard let text = value.string else { throw metadata.error("tokenizer.ggml.tokens[\(index)]", "is no text") }
            texts.append(text)
        }
        let kinds = try Self.kinds(metadata, count: texts.count)
        var vocabulary = JSONObject()
        var added: [JSONValue] = []
        var ends = try metadata.integer("tokenizer.ggml.eos_token_id").map { [$0] } ?? []
        for (id, text) in texts.enumerated() {
            switch kinds[id] {
            case .normal:
                guard vocabulary[text] == nil else {
                    throw metadata.error("tokenizer.ggml.tokens[\(id)]", "is there before: \"\(text.prefix(60))\"")
                }
                vocabulary[text] = .integer(Int64(id))
            case .unused: break
            case .control, .userDefined:
                let isSpecial = kinds[id] == .control
                if isSpecial, Self.endTexts.contains(text), !ends.contains(id) { ends.append(id) }
                added.append(
                    .object(JSONObject([
                        ("id", .integer(Int64(id))), ("content", .string(text)), ("special", .bool(isSpecial)),
                        ("normalized", false),
                    ])))
            }
        }
        self.texts = texts
        self.ends = ends
        file = Self.file(vocabulary, merges: try metadata.array("tokenizer.ggml.merges"), added: added)
    }

    private static func kinds(_ metadata: GGUFMetadata, count: Int) throws(EngineError) -> [Kind] {
        let key = "tokenizer.ggml.token_type"
        let values = try metadata.array(key)
        guard values.count == count else {
            throw metadata.error(key, "has \(values.count) entries for \(count) tokens")
        }
        var kinds: [Kind] = []
        for (index, value) in values.enumerated() {
            guard let kind = value.integer.flatMap(Kind.init(rawValue:)) else {
                throw metadata.unsupported(
                    "\(key)[\(index)]", "is \(value.serialized().prefix(20)), which is not supported")
            }
            kinds.append(kind)
        }
        return kinds
    }

    /// The file does not say that Qwen's tokenizer composes characters (NFC) first.
    private static func file(_ vocabulary: JSONObject, merges: [JSONValue], added: [JSONValue]) -> JSONObject {
        let split: JSONValue = [
            "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated", "invert": false,
        ]
        let bytes: JSONValue = ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false]
        return JSONObject([
            ("added_tokens", .array(added)), ("normalizer", ["type": "NFC"]),
            ("pre_tokenizer", ["type": "Sequence", "pretokenizers": [split, bytes]]),
            ("decoder", ["type": "ByteLevel"]),
            (
                "model",
                .object(JSONObject([
                    ("type", "BPE"), ("ignore_merges", false), ("vocab", .object(vocabulary)),
                    ("merges", .array(merges)),
                ]))
            ),
        ])
    }

    /// `tokenizer_config.json`: special tokens and the chat template.
    func configuration(_ metadata: GGUFMetadata) throws(EngineError) -> JSONObject {
        var object = JSONObject()
        for (key, field) in [("eos_token_id", "eos_token"), ("padding_token_id", "pad_token")] {
            guard let id = try metadata.integer("tokenizer.ggml.\(key)") else { continue }
            guard texts.indices.contains(id) else {
                throw metadata.error("tokenizer.ggml.\(key)", "is \(id), but there are \(texts.count) tokens")
            }
            object[field] = .string(texts[id])
        }
        if let template = try metadata.string("tokenizer.chat_template") { object["chat_template"] = .string(template) }
        return object
    }
}
