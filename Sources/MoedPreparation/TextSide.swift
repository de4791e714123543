package import MoedCore
package import MoedText
package import MoedWeights

/// Text side of a checkpoint: tokenizer, template, end tokens, sampling defaults.
package struct TextSide: Sendable {
    package let tokenizer: Tokenizer
    /// Chat template; nil when the checkpoint has none, and only `prompt_ids` can run.
    package let template: ChatTemplate?
    package let kind: TemplateKind
    let tags: ThinkTags
    let defaults: SamplingDefaults
    /// Form of its embeddings; nil for one that generates text.
    package let embedding: EmbeddingKind?
    /// Ids that end an answer: those of `generation_config.json`, `config.json` and `tokenizer_config.json` together.
    package let endIDs: Set<TokenID>
    /// Sentences about members that have no effect.
    package let remarks: [String]
    /// Upper bound of the token ids that both the tokenizer and the model's embedding have.
    package let vocabularySize: Int
    /// The model's context in tokens.
    package let contextLength: Int

    /// - Throws: `TextError` or `EngineError` naming file, field and reason.
    package init(directory: String) throws { try self.init(ModelFiles.open(directory)) }

    /// As `init(directory:)`, of files that are open: the metadata of a GGUF file are parsed once.
    package init(_ files: ModelFiles) throws {
        let described = try Self.configuration(files)
        tokenizer = try Self.tokenizer(files, described)
        template = try Self.template(files)
        let tags = ThinkTags(tokenizer)
        kind = try template.map { try TemplateKind.probe($0, tags) } ?? .hybrid
        self.tags = tags
        let generation = try GenerationDefaults(files)
        defaults = SamplingDefaults(generation, kind: kind)
        let configuration = try ModelConfiguration(files)
        var endIDs = Set(generation.eosTokenIDs + configuration.eosTokenIDs)
        var remarks: [String] = []
        if let token = described.endToken, let id = tokenizer.id(of: token) { endIDs.insert(id) }
        let vocabularySize = min(tokenizer.vocabularySize, configuration.vocabulary)
        self.vocabularySize = vocabularySize
        contextLength = configuration.contextLength
        embedding = try EmbeddingKind.read(files, size: configuration.hidden)
        if !endIDs.contains(where: { Int($0) < vocabularySize }) {
            remarks.append(
                "no end token is known: neither generation_config.json, config.json nor tokenizer_config.json names "
                    + "one. Answers end at max_tokens, a stop text or stop_token_ids")
        }
        self.endIDs = endIDs
        self.remarks = remarks
        if let id = tags.earlyStop.first(where: { Int($0) >= vocabularySize }) {
            throw EngineError(
                .badCheckpoint,
                "\(files.path(of: "tokenizer.json")): token id \(id) ends thinking, but config.json's vocab_size is "
                    + "\(configuration.vocabulary)")
        }
    }

    /// End tokens for people: ids with their texts.
    package var endTokensText: String {
        let texts = endIDs.sorted().map { id in
            let text = tokenizer.decode([id])
            return text.isEmpty ? "\(id)" : "\(id) \(text)"
        }
        return texts.isEmpty ? "none" : texts.joined(separator: ", ")
    }

    /// Loads only the tokenizer, from `tokenizer.json` and `tokenizer_config.json`.
    package static func tokenizer(directory: String) throws -> Tokenizer {
        let files = try ModelFiles.open(directory)
        return try tokenizer(files, try configuration(files))
    }

    private static func tokenizer(
        _ files: ModelFiles, _ configuration: TokenizerConfiguration
    ) throws -> Tokenizer {
        try Tokenizer(
            tokenizerJSON: try files.require("tokenizer.json"), file: files.path(of: "tokenizer.json"),
            configuration: configuration)
    }

    private static func configuration(_ files: ModelFiles) throws -> TokenizerConfiguration {
        guard let bytes = try files.contents("tokenizer_config.json") else { return .empty }
        return try TokenizerConfiguration(bytes, file: files.path(of: "tokenizer_config.json"))
    }

    /// Loads only the chat template, from `chat_template.jinja` or `tokenizer_config.json`; nil when neither has one.
    package static func template(directory: String) throws -> ChatTemplate? {
        try template(ModelFiles.open(directory))
    }

    private static func template(_ files: ModelFiles) throws -> ChatTemplate? {
        try ChatTemplate.load(
            tokenizerConfigJSON: try files.contents("tokenizer_config.json") ?? Array("{}".utf8),
            chatTemplateFile: try files.contents("chat_template.jinja"), file: files.path(of: "tokenizer_config.json")
        )
    }
}
