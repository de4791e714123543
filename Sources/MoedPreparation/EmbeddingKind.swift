import MoedCore
import MoedWeights

/// The form of an embedding model: sentence-transformers' `modules.json`, with pooling of the last token.
package struct EmbeddingKind: Sendable, Equatable {
    /// Tokens before and behind a text, which the tokenizer's post-processor adds.
    let before: [TokenID]
    let behind: [TokenID]
    /// Components of an embedding.
    let size: Int

    /// - Returns: nil for a model without `modules.json`, which generates text.
    /// - Throws: `EngineError(.unsupportedModel)` for another pooling, `(.badCheckpoint)` naming file and member.
    static func read(_ files: ModelFiles, size: Int) throws(EngineError) -> EmbeddingKind? {
        guard let modules = try json("modules.json", files) else { return nil }
        let types = (modules.array ?? []).compactMap { module in
            module["type"]?.string?.split(separator: ".").last.map(String.init)
        }
        guard types.first == "Transformer", types.contains("Pooling"), types.allSatisfy(known.contains) else {
            throw EngineError(
                .unsupportedModel,
                "\(files.path(of: "modules.json")) lists \(types.joined(separator: ", ").prefix(200)): supported are "
                    + "Transformer, Pooling and Normalize")
        }
        let pooling = try json("pooling.json", files)
        guard pooling?["pooling_mode_lasttoken"] == true || pooling?["pooling_mode"] == "lasttoken" else {
            throw EngineError(
                .unsupportedModel,
                "\(files.path(of: "pooling.json")): pooling_mode_lasttoken is not true: moed pools the last token only")
        }
        let processor = try json("tokenizer.json", files)?["post_processor"]
        let steps = processor?["processors"]?.array ?? processor.map { [$0] } ?? []
        guard let template = steps.first(where: { $0["type"] == "TemplateProcessing" }) else {
            return EmbeddingKind(before: [], behind: [], size: size)
        }
        let parts = template["single"]?.array ?? []
        guard let place = parts.firstIndex(where: { $0["Sequence"] != nil }) else {
            throw EngineError(
                .badCheckpoint, "\(files.path(of: "tokenizer.json")): post_processor has no place for the text")
        }
        func ids(_ parts: ArraySlice<JSONValue>) -> [TokenID] {
            parts.flatMap { part -> [TokenID] in
                let name = part["SpecialToken"]?["id"]?.string ?? ""
                let ids = template["special_tokens"]?[name]?["ids"]?.array ?? []
                return ids.compactMap { $0.integer.flatMap { TokenID(exactly: $0) } }
            }
        }
        return EmbeddingKind(before: ids(parts[..<place]), behind: ids(parts[(place + 1)...]), size: size)
    }

    private static let known: Set<String> = ["Transformer", "Pooling", "Normalize"]

    private static func json(_ name: String, _ files: ModelFiles) throws(EngineError) -> JSONValue? {
        guard let bytes = try files.contents(name) else { return nil }
        do { return try JSONValue(parsing: bytes) } catch {
            throw EngineError(.badCheckpoint, "\(files.path(of: name)): \(error)")
        }
    }
}
