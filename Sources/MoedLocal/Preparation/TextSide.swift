import MoedCore
package import MoedText
import MoedWeights

/// Everything of a checkpoint that is about text: tokenizer, template, end tokens, sampling defaults.
package struct TextSide: Sendable {
    package let tokenizer: Tokenizer
    /// nil when the checkpoint has no template: then only `prompt_ids` can be run.
    package let template: ChatTemplate?
    package let kind: TemplateKind
    let tags: ThinkTags
    let defaults: SamplingDefaults
    /// Ids that end an answer, from `generation_config.json` and `config.json`.
    let endIDs: Set<TokenID>
    /// Ids that are both in the tokenizer and in the model's embedding are below this.
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

    /// The tokenizer alone: `tokenizer.json` is all that is read.
    package static func tokenizer(directory: String) throws -> Tokenizer {
        let files = CheckpointFiles(directory: directory)
        return try Tokenizer(
            tokenizerJSON: try files.require("tokenizer.json"), file: files.path("tokenizer.json"))
    }

    /// The chat template alone, from `chat_template.jinja` or `tokenizer_config.json`; nil when neither has one.
    package static func template(directory: String) throws -> ChatTemplate? {
        let files = CheckpointFiles(directory: directory)
        return try ChatTemplate.load(
            tokenizerConfigJSON: try files.read("tokenizer_config.json") ?? Array("{}".utf8),
            chatTemplateFile: try files.read("chat_template.jinja"), file: files.path("tokenizer_config.json")
        )
    }
}
