import MoedCore
package import MoedText
import MoedWeights

/// Text side of a checkpoint: tokenizer, template, end tokens, sampling defaults.
package struct TextSide: Sendable {
    package let tokenizer: Tokenizer
    /// Chat template; nil when the checkpoint has none, and only `prompt_ids` can run.
    package let template: ChatTemplate?
    package let kind: TemplateKind
    let tags: ThinkTags
    let defaults: SamplingDefaults
    /// Ids that end an answer, from `generation_config.json` and `config.json`.
    let endIDs: Set<TokenID>
    /// Upper bound of the token ids that both the tokenizer and the model's embedding have.
    let vocabularySize: Int

    /// - Throws: `TextError` or `EngineError` naming file, field and reason.
    package init(directory: String) throws {
        tokenizer = try Self.tokenizer(directory: directory)
        template = try Self.template(directory: directory)
        let tags = ThinkTags(tokenizer)
        kind = try template.map { try TemplateKind.probe($0, tags) } ?? .hybrid
        self.tags = tags
        let files = CheckpointFiles(directory: directory)
        let generation = try GenerationDefaults(path: files.path("generation_config.json"))
        defaults = SamplingDefaults(generation, kind: kind)
        let configuration = try ModelConfiguration(path: files.path("config.json"))
        endIDs = Set(generation.eosTokenIDs + configuration.eosTokenIDs)
        vocabularySize = min(tokenizer.vocabularySize, configuration.vocabulary)
        if let id = tags.earlyStop.first(where: { Int($0) >= vocabularySize }) {
            throw EngineError(
                .badCheckpoint,
                "\(files.path("tokenizer.json")): token id \(id) ends thinking, but config.json's vocab_size is "
                    + "\(configuration.vocabulary)")
        }
    }

    /// Loads only the tokenizer, from `tokenizer.json`.
    package static func tokenizer(directory: String) throws -> Tokenizer {
        let files = CheckpointFiles(directory: directory)
        return try Tokenizer(
            tokenizerJSON: try files.require("tokenizer.json"), file: files.path("tokenizer.json"))
    }

    /// Loads only the chat template, from `chat_template.jinja` or `tokenizer_config.json`; nil when neither has one.
    package static func template(directory: String) throws -> ChatTemplate? {
        let files = CheckpointFiles(directory: directory)
        return try ChatTemplate.load(
            tokenizerConfigJSON: try files.read("tokenizer_config.json") ?? Array("{}".utf8),
            chatTemplateFile: try files.read("chat_template.jinja"), file: files.path("tokenizer_config.json")
        )
    }
}
