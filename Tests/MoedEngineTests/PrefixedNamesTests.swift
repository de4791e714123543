import Foundation
import MoedCore
import MoedEngine
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// Text parts of larger models and base models: other beginnings of names, and `text_config`.
@Suite struct PrefixedNamesTests {
    struct Naming: Sendable, CustomStringConvertible {
        var model: String
        var head: String
        var description: String { "\(model)…, \(head)…" }

        func name(_ usual: String) -> String {
            for (beginning, other) in [("model.", model), ("lm_head.", head)] where usual.hasPrefix(beginning) {
                return other + usual.dropFirst(beginning.count)
            }
            return usual
        }
    }

    static let namings = [
        Naming(model: "model.", head: "lm_head."), Naming(model: "model.language_model.", head: "lm_head."),
        Naming(model: "language_model.model.", head: "language_model.lm_head."),
        Naming(model: "language_model.", head: "lm_head."), Naming(model: "", head: "lm_head."),
    ]
    private static let ids = (0..<12).map { TokenID($0 * 5 % 19) }

    private static func stored(_ name: String) throws -> StoredModel {
        try StoredModel(RecordedCheckpointTests.folder.appending(path: name))
    }

    private static func score(_ model: StoredModel) throws -> [Double] {
        let checkpoint = try model.write()
        return try QuantisedRuns.score(.checkpoint(try Checkpoint.open(checkpoint.path)), ids)
    }

    @Test(arguments: namings, ["gptq4-v1-desc_act", "gptq4-lm_head", "pack4-group16-zeros", "fp8-block"])
    func sameModelByOtherNames(_ naming: Naming, _ name: String) throws {
        var model = try Self.stored(name)
        let usual = try Self.score(model)
        model.rename(naming.name)
        #expect(try Self.score(model) == usual)
        // In shards, too: names are found in all headers.
        let missing = naming.name("model.layers.0.mlp.gate.weight")
        guard model.tensors[missing] != nil else { return }
        model.tensors[missing] = nil
        let error = #expect(throws: EngineError.self) { try Self.score(model) }
        #expect(error?.message.contains("tensor \(missing) is missing") == true, "\(error?.message ?? "")")
    }

    @Test(arguments: namings)
    func errorsNameTensorsAsInTheFile(_ naming: Naming) throws {
        var model = try Self.stored("gptq4-v2-zeros")
        model.rename(naming.name)
        let name = naming.name("model.layers.0.self_attn.k_proj")
        model.resize("\(name).scales", to: [1, 7])
        var error = #expect(throws: EngineError.self) { try Self.score(model) }
        #expect(error?.message.contains("model.safetensors: tensor \(name).scales has shape [1, 7]") == true, "\(error?.message ?? "")")
        model.tensors["\(name).scales"] = nil
        error = #expect(throws: EngineError.self) { try Self.score(model) }
        #expect(error?.message.contains("tensor \(name).qweight needs \(name).scales") == true, "\(error?.message ?? "")")
    }

    @Test(arguments: namings)
    func otherPartsAreNamedAsUnused(_ naming: Naming) throws {
        var model = try Self.stored("gptq4-v2-zeros")
        model.rename(naming.name)
        for name in ["visual.blocks.0.attn.qkv.weight", "model.visual.merger.norm.weight", "model.layers_of_others.weight"] {
            model.tensors[name] = StoredModel.Tensor(type: "BF16", shape: [2], bytes: [0, 0, 0, 0])
        }
        let written = try model.write()
        let checkpoint = try Checkpoint.open(written.path)
        _ = try Qwen3Model.load(checkpoint, threads: 1)
        let unused = checkpoint.unusedTensors ?? ""
        for name in ["3 tensors", "visual.blocks.*.attn.qkv.weight", "model.visual.merger.norm.weight"] {
            #expect(unused.contains(name), "\(unused)")
        }
        #expect(!unused.contains("model.model."), "\(unused)")
    }

    /// A base model without a head runs when the output matrix is the embedding.
    @Test func baseModels() throws {
        let naming = Self.namings[4]
        var model = try Self.stored("gptq4-v2-zeros")
        let usual = try Self.score(model)
        model.rename(naming.name)
        model.configuration["architectures"] = ["Qwen3Model"]
        #expect(try Self.score(model) == usual)
        model.configuration["tie_word_embeddings"] = false
        let error = #expect(throws: EngineError.self) { try Self.score(model) }
        #expect(error?.message.contains("tensor lm_head.weight is missing") == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("saved without its output matrix") == true, "\(error?.message ?? "")")
        model.tensors["lm_head.weight"] = model.tensors["embed_tokens.weight"]
        #expect(try Self.score(model) == usual)
        model.configuration["architectures"] = ["Qwen3MoeModel"]
        #expect(throws: EngineError.self) { try Self.score(model) }
    }

    @Test func theTextPartOfAConfiguration() throws {
        var model = try Self.stored("gptq4-v2-zeros")
        let usual = try Self.score(model)
        var text = model.configuration
        let quantization = try #require(text["quantization_config"])
        for key in ["quantization_config", "architectures", "tie_word_embeddings"] { text[key] = nil }
        model.rename(Self.namings[1].name)
        model.configuration = JSONObject([
            ("architectures", ["SomethingForConditionalGeneration"]), ("model_type", "something"),
            ("text_config", .object(text)), ("vision_config", ["hidden_size": 5]), ("image_token_id", 7),
            ("tie_word_embeddings", true), ("quantization_config", quantization),
        ])
        #expect(try Self.score(model) == usual)
        // The description may also stand in the text part.
        model.configuration["quantization_config"] = nil
        text["quantization_config"] = quantization
        model.configuration["text_config"] = .object(text)
        #expect(try Self.score(model) == usual)
        // Another text part is another architecture.
        text["model_type"] = "qwen3_next"
        model.configuration["text_config"] = .object(text)
        let error = #expect(throws: EngineError.self) { try Self.score(model) }
        #expect(error?.code == .unsupportedModel)
        #expect(error?.message.contains("model_type is something") == true, "\(error?.message ?? "")")
    }
}
