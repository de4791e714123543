import MoedCore

/// Typed access to the members of an object in a JSON file. Every error names file and field.
struct FileObject {
    let file: String
    /// Path of this object inside the file; empty for the root.
    let path: String
    let members: JSONObject

    init(_ value: JSONValue, file: String, path: String) throws(TextError) {
        guard case .object(let members) = value else {
            throw TextError(
                .malformedFile, file: file, place: path.isEmpty ? nil : path,
                "is \(value.kind), not an object")
        }
        self.file = file
        self.path = path
        self.members = members
    }

    func error(_ code: TextError.Code, _ name: String, _ reason: String) -> TextError {
        TextError(code, file: file, place: path.isEmpty ? name : "\(path).\(name)", reason)
    }

    /// The member; nil when it is absent or null.
    subscript(name: String) -> JSONValue? {
        guard let value = members[name], value != .null else { return .none }
        return value
    }

    func required(_ name: String) throws(TextError) -> JSONValue {
        guard let value = self[name] else { throw error(.malformedFile, name, "is missing") }
        return value
    }

    func object(_ name: String) throws(TextError) -> FileObject {
        try FileObject(try required(name), file: file, path: path.isEmpty ? name : "\(path).\(name)")
    }

    func string(_ name: String) throws(TextError) -> String {
        let value = try required(name)
        guard let string = value.string else {
            throw error(.malformedFile, name, "is \(value.kind), not a string")
        }
        return string
    }

    func bool(_ name: String, default fallback: Bool) throws(TextError) -> Bool {
        guard let value = self[name] else { return fallback }
        guard let bool = value.bool else {
            throw error(.malformedFile, name, "is \(value.kind), not a boolean")
        }
        return bool
    }

    func array(_ name: String) throws(TextError) -> [JSONValue] {
        let value = try required(name)
        guard let array = value.array else {
            throw error(.malformedFile, name, "is \(value.kind), not an array")
        }
        return array
    }

    /// A token id, bounded so that a damaged file cannot exhaust memory.
    func token(_ name: String) throws(TextError) -> TokenID {
        let value = try required(name)
        return try TokenizerFile.token(value) { error(.malformedFile, name, $0) }
    }

    /// Refuses an option unless it is absent or has a value that does not change the tokens.
    func refuse(_ name: String, unless harmless: [JSONValue]) throws(TextError) {
        guard let value = self[name], !harmless.contains(value) else { return }
        throw error(.unsupported, name, "\(value.serialized(.spaced).prefix(100)) is not supported")
    }
}

/// Validated contents of a `tokenizer.json` of Hugging Face's `tokenizers`.
///
/// `truncation`, `padding` and `post_processor` do not affect the ids of plain text and are not read.
struct TokenizerFile {
    /// Exclusive upper bound of token ids; a file with a higher id is damaged. No vocabulary reaches a hundredth of it.
    static let tokenIDMax = 1 << 24
    static let contentBytesMax = 1 << 16

    let file: String
    var normalizes = false
    var preTokenizer: PreTokenizer
    var ignoresMerges: Bool
    var vocabulary: [JSONObject.Member]
    var merges: [JSONValue]
    var addedTokens: [AddedToken]

    init(_ bytes: [UInt8], file: String) throws(TextError) {
        self.file = file
        let json: JSONValue
        do throws(JSONError) { json = try JSONValue(parsing: bytes) } catch {
            throw TextError(.malformedFile, file: file, error.description)
        }
        let root = try FileObject(json, file: file, path: "")
        let model = try root.object("model")
        try Self.checkModel(model)
        ignoresMerges = try model.bool("ignore_merges", default: false)
        vocabulary = try model.object("vocab").members.members
        merges = try model.array("merges")
        normalizes = try Self.normalizes(root)
        preTokenizer = try Self.preTokenizer(root)
        try Self.checkDecoder(root)
        addedTokens = []
        guard root["added_tokens"] != nil else { return }
        for (index, value) in try root.array("added_tokens").enumerated() {
            addedTokens.append(
                try Self.addedToken(FileObject(value, file: file, path: "added_tokens[\(index)]")))
        }
    }

    static func token(_ value: JSONValue, or error: (String) -> TextError) throws(TextError) -> TokenID {
        guard let number = value.integer else { throw error("is \(value.kind), not a token id") }
        guard (0..<tokenIDMax).contains(number) else {
            throw error("the token id \(number) is not in 0..<\(tokenIDMax)")
        }
        return TokenID(number)
    }

    private static func checkModel(_ model: FileObject) throws(TextError) {
        // Old files lack the `type` member; they are BPE when they have merges.
        if model["type"] != nil {
            let type = try model.string("type")
            guard type == "BPE" else {
                throw model.error(.unsupported, "type", "the model type \(type) is not supported")
            }
        }
        try model.refuse("dropout", unless: [0, .double(0)])
        try model.refuse("unk_token", unless: [])
        try model.refuse("continuing_subword_prefix", unless: [""])
        try model.refuse("end_of_word_suffix", unless: [""])
        try model.refuse("fuse_unk", unless: [false])
        try model.refuse("byte_fallback", unless: [false])
    }

    /// True when the file requires normalisation to form C. All other normalisers are refused.
    private static func normalizes(_ root: FileObject) throws(TextError) -> Bool {
        guard root["normalizer"] != nil else { return false }
        let normalizer = try root.object("normalizer")
        switch try normalizer.string("type") {
        case "NFC": return true
        case "Sequence":
            for (index, value) in try normalizer.array("normalizers").enumerated() {
                let path = "normalizer.normalizers[\(index)]"
                let type = try FileObject(value, file: root.file, path: path).string("type")
                guard type == "NFC" else {
                    throw TextError(
                        .unsupported, file: root.file, place: path, "the normalizer \(type) is not supported")
                }
            }
            return try !normalizer.array("normalizers").isEmpty
        case let type:
            throw root.error(.unsupported, "normalizer", "the normalizer \(type) is not supported")
        }
    }

    private static func preTokenizer(_ root: FileObject) throws(TextError) -> PreTokenizer {
        let sequence = try root.object("pre_tokenizer")
        let type = try sequence.string("type")
        guard type == "Sequence" else {
            throw root.error(.unsupported, "pre_tokenizer", "the pre-tokenizer \(type) is not supported")
        }
        var steps: [FileObject] = []
        for (index, value) in try sequence.array("pretokenizers").enumerated() {
            steps.append(
                try FileObject(value, file: root.file, path: "pre_tokenizer.pretokenizers[\(index)]"))
        }
        var types: [String] = []
        for step in steps { types.append(try step.string("type")) }
        guard types == ["Split", "ByteLevel"] else {
            throw root.error(
                .unsupported, "pre_tokenizer",
                "the sequence \(types.joined(separator: ", ")) is not supported")
        }
        let split = steps[0]
        try split.refuse("behavior", unless: ["Isolated"])
        try split.refuse("invert", unless: [false])
        let pattern = try split.object("pattern")
        let regex = try pattern.string("Regex")
        guard let preTokenizer = PreTokenizer(pattern: regex) else {
            throw pattern.error(.unsupported, "Regex", "the pattern \(regex.prefix(300)) is not supported")
        }
        // Both members default to true, which would split the words again.
        for name in ["add_prefix_space", "use_regex"] where try steps[1].bool(name, default: true) {
            throw steps[1].error(.unsupported, name, "true is not supported")
        }
        return preTokenizer
    }

    private static func checkDecoder(_ root: FileObject) throws(TextError) {
        guard root["decoder"] != nil else { return }
        let type = try root.object("decoder").string("type")
        guard type == "ByteLevel" else {
            throw root.error(.unsupported, "decoder", "the decoder \(type) is not supported")
        }
    }

    private static func addedToken(_ token: FileObject) throws(TextError) -> AddedToken {
        var result = try attributes(token)
        result.id = try token.token("id")
        return result
    }

    /// An added token without its id.
    static func attributes(_ token: FileObject) throws(TextError) -> AddedToken {
        let content = try token.string("content")
        guard !content.isEmpty, content.utf8.count <= contentBytesMax else {
            throw token.error(.malformedFile, "content", "must have 1 to \(contentBytesMax) bytes")
        }
        let isSpecial = try token.bool("special", default: false)
        return AddedToken(
            id: 0, content: content, isSpecial: isSpecial,
            isNormalized: try token.bool("normalized", default: !isSpecial),
            stripsLeft: try token.bool("lstrip", default: false),
            stripsRight: try token.bool("rstrip", default: false),
            isSingleWord: try token.bool("single_word", default: false))
    }
}
