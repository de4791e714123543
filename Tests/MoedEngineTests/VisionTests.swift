import Foundation
import MoedCore
import MoedEngine
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// The text part of Qwen3-VL-MoE against transformers: `Tests/Fixtures/transformers/vision.py` recorded a tiny model.
@Suite struct VisionTests {
    private static let folder = Fixtures.packageRoot.appending(path: "Tests/Fixtures/transformers/vl-moe")

    private static func expected() throws -> (ids: [TokenID], logprobs: [Double]) {
        let value = try JSONValue(parsing: Fixtures.bytes(folder.appending(path: "expected.json")))
        let ids = (value["ids"]?.array ?? []).compactMap(\.integer).map { TokenID($0) }
        return (ids, (value["logprobs"]?.array ?? []).compactMap(\.number))
    }

    private func check(_ model: StoredModel) throws -> [Double] {
        let (ids, logprobs) = try Self.expected()
        let written = try model.write()
        let checkpoint = try Checkpoint.open(written.path)
        #expect(checkpoint.configuration.rotary.base == 5_000_000 && !checkpoint.configuration.tiedEmbeddings)
        let scores = try QuantisedRuns.score(.checkpoint(checkpoint), ids)
        let worst = zip(scores, logprobs).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst < 3e-4 && scores.count == logprobs.count)
        #expect(checkpoint.unusedTensors?.contains("model.visual.") == true, "\(checkpoint.unusedTensors ?? "")")
        return scores
    }

    @Test func theTextPartGivesTransformersProbabilities() throws { _ = try check(StoredModel(Self.folder)) }

    /// The published checkpoints have experts transposed, `num_experts`, `rope_scaling`, and other names of members.
    @Test func thePublishedForm() throws {
        var model = try StoredModel(Self.folder)
        let saved = try check(model)
        for (name, tensor) in model.tensors where name.contains(".mlp.experts.") {
            let (experts, rows, columns) = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
            var bytes = tensor.bytes
            for expert in 0..<experts {
                for row in 0..<rows {
                    for column in 0..<columns {
                        let from = ((expert * rows + row) * columns + column) * 2
                        let to = ((expert * columns + column) * rows + row) * 2
                        for byte in 0..<2 { bytes[to + byte] = tensor.bytes[from + byte] }
                    }
                }
            }
            model.tensors[name] = StoredModel.Tensor(type: tensor.type, shape: [experts, columns, rows], bytes: bytes)
        }
        var text = try #require(model.configuration["text_config"]?.object)
        text["num_experts"] = text["num_local_experts"]
        text["num_local_experts"] = nil
        text["rope_parameters"] = nil
        text["rope_theta"] = 5_000_000
        text["rope_scaling"] = ["mrope_interleaved": true, "mrope_section": [3, 3, 2], "rope_type": "default"]
        model.configuration["text_config"] = .object(text)
        #expect(try check(model) == saved)
        // A pack has the same rows, read as bf16 and as f32.
        let written = try model.write()
        let folder = try TemporaryFolder()
        try PackTests.pack(try Checkpoint.open(written.path), to: folder.path("pack"))
        let pack = try ModelDirectory.open(folder.path("pack"))
        #expect(try QuantisedRuns.score(pack, Self.expected().ids) == saved)
        // Other sizes are refused.
        model.resize("model.language_model.layers.0.mlp.experts.down_proj", to: [6, 24, 31])
        let error = #expect(throws: EngineError.self) { try check(model) }
        #expect(error?.message.contains("has shape [6, 24, 31]") == true, "\(error?.message ?? "")")
    }

    /// A dense vision model's text part has a type of its own.
    @Test func typesOfTextParts() throws {
        for (type, architecture) in [
            ("qwen3_vl_text", ModelConfiguration.Architecture.dense), ("qwen3_vl_moe_text", .mixtureOfExperts),
        ] {
            var model = try StoredModel(Self.folder)
            var text = try #require(model.configuration["text_config"]?.object)
            text["model_type"] = .string(type)
            model.configuration["text_config"] = .object(text)
            let written = try model.write()
            #expect(try ModelConfiguration(path: "\(written.path)/config.json").architecture == architecture)
        }
    }
}
