import Foundation
import MoedAdapters
import MoedCore
import MoedWeights
import TestSupport
import Testing

/// Adapters as they come: what is read, and what is refused with file, tensor or member, and the way out.
@Suite struct AdapterReadingTests {
    private let folder: TemporaryFolder
    private let model: ModelConfiguration
    private static let query = "base_model.model.model.layers.0.self_attn.q_proj"

    init() throws {
        folder = try TemporaryFolder()
        model = try Checkpoint.open(Fixtures.sampleModel.path).configuration
    }

    private func open(_ adapter: TestAdapter) throws -> Adapter {
        try Adapter.open(try adapter.write(to: folder, "adapter"), for: model)
    }

    private func refusal(_ change: (inout TestAdapter) -> Void) -> String {
        var adapter = TestAdapter.ofSampleModel(seed: 1)
        change(&adapter)
        do { _ = try open(adapter) } catch { return "\(error)" }
        return ""
    }

    @Test func factorsAreScaled() throws {
        var adapter = TestAdapter([("model.layers.2.self_attn.o_proj", 128, 128)], rank: 4)
        let name = "model.layers.2.self_attn.o_proj"
        let plain = try #require(try open(adapter).factors[name])
        #expect(plain.rank == 4 && plain.shape == MatrixShape(128, 128))
        let stored = try #require(adapter.tensors["base_model.model.\(name).lora_B.weight"]).values
        #expect(try plain.up() == stored.map { $0 * 2 })
        #expect(try plain.down() == adapter.tensors["base_model.model.\(name).lora_A.weight"]?.values)
        for (members, factor) in [
            ([("use_rslora", true)] as [(String, JSONValue)], 4),
            ([("alpha_pattern", ["o_proj": 32])], 8), ([("alpha_pattern", ["proj": 32])], 2),
            ([("alpha_pattern", [#"layers\.[02]\..*"#: 16, "o_proj": 1])], 4),
            ([("lora_alpha", 0.5)], 0.125),
        ] as [([(String, JSONValue)], Float)] {
            let folder = try TemporaryFolder()
            var other = adapter
            for (key, value) in members { other.configuration[key] = value }
            let path = try other.write(to: folder, "adapter")
            let read = try Adapter.open(path, for: model)
            #expect(try read.factors[name]?.up() == stored.map { $0 * factor }, "\(members)")
        }
        // A name in between, and the names of a model with images.
        adapter.tensors = Dictionary(
            uniqueKeysWithValues: adapter.tensors.map { key, value in
                (key.replacing(".weight", with: ".default.weight").replacing(".model.layers", with: ".model.language_model.layers"), value)
            })
        let renamed = try Adapter.open(try adapter.write(to: folder, "renamed"), for: model)
        #expect(Array(renamed.factors.keys) == [name])
    }

    @Test(
        arguments: [
            ("peft_type", "IA3", "IA3"), ("use_dora", true, "DoRA"), ("modules_to_save", ["lm_head"], "modules_to_save"),
            ("bias", "all", "bias"), ("lora_bias", true, "lora_bias"), ("layer_replication", [[0, 4], [2, 5]], "layer_replication"),
            ("fan_in_fan_out", true, "fan_in_fan_out"), ("trainable_token_indices", [1], "trainable_token_indices"),
            ("alora_invocation_tokens", [5], "aLoRA"), ("use_qalora", true, "QALoRA"),
            ("use_bdlora", ["nblocks": 2], "block-diagonal"), ("kasa_config", ["beta": 1], "KaSA"),
            ("init_lora_weights", "pissa_niter_4", "path_initial_model_for_weight_conversion"),
            ("lora_alpha", "8", "lora_alpha must be a number"), ("alpha_pattern", ["q_proj": true], "q_proj"),
            ("alpha_pattern", ["o_proj": 1, "layers.(0": 2], "alpha_pattern has the key “layers.(0”, which is no regular expression"),
            ("rank_pattern", ["[a": 3], "rank_pattern has the key “[a”"),
        ] as [(String, JSONValue, String)])
    func otherKindsAreNamed(_ member: String, _ value: JSONValue, _ expected: String) {
        let text = refusal { $0.configuration[member] = value }
        #expect(text.contains("adapter_config.json") && text.contains(expected), "\(text)")
    }

    @Test func switchesThatAreOffChangeNothing() {
        let text = refusal { adapter in
            for (member, value) in [
                ("use_dora", false), ("modules_to_save", []), ("bias", "none"), ("layer_replication", .null),
                ("init_lora_weights", "gaussian"), ("rank_pattern", [:]),
            ] as [(String, JSONValue)] { adapter.configuration[member] = value }
        }
        #expect(text == "")
    }

    @Test(
        arguments: [
            ("\(query).lora_magnitude_vector", [128], "DoRA"), ("base_model.model.lm_head.weight", [640, 128], "modules_to_save"),
            ("base_model.model.model.embed_tokens.lora_embedding_A", [4, 640], "embedding"),
            ("\(query).lora_B.bias", [128], "bias"), ("model.layers.0.self_attn.q_proj.weight", [128, 128], "no factor"),
            ("\(query).lora_A.other.weight", [4, 128], "second factor"),
            ("base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight", [4, 128], "no partner"),
        ] as [(String, [Int], String)])
    func otherTensorsAreNamed(_ name: String, _ shape: [Int], _ expected: String) {
        let text = refusal { adapter in
            adapter.tensors[name] = .init(shape: shape, values: Array(repeating: 0, count: shape.reduce(1, *)))
        }
        // Of two factors of a kind the later one in the file is named.
        let shown = name.replacing(".other", with: "")
        #expect(text.contains(name) || text.contains(shown), "\(text)")
        #expect(text.contains(expected), "\(text)")
    }

    @Test(
        arguments: [
            ("model.layers.6.self_attn.q_proj", 128, 128), ("model.layers.0.mlp.up_proj", 256, 128),
            ("model.layers.0.self_attn.q_proj", 256, 128), ("model.layers.0.self_attn.v_proj", 64, 64),
            ("model.layers.0.mlp.experts.16.up_proj", 64, 128), ("model.layers.0.mlp.experts.x.up_proj", 64, 128),
            ("model.layers.0.mlp.experts.03.up_proj", 64, 128), ("visual.blocks.0.attn.qkv", 16, 16),
        ])
    func adaptersOfOtherModels(_ module: String, _ outputs: Int, _ inputs: Int) {
        let text = refusal { adapter in
            adapter = TestAdapter([(module, outputs, inputs)])
            adapter.configuration["base_model_name_or_path"] = "Qwen/Qwen3-8B"
        }
        #expect(text.contains("belongs to another model") && text.contains("“Qwen/Qwen3-8B”"), "\(text)")
        #expect(text.contains(module) && !text.contains("\n"), "\(text)")
    }

    @Test func damagedFactors() throws {
        let a = "\(Self.query).lora_A.weight"
        let texts = [
            refusal { $0.tensors[a]?.values[7] = .nan }, refusal { $0.tensors[a]?.shape = [128 * 4] },
            refusal { $0.tensors["\(Self.query).lora_B.weight"] = .init(shape: [128, 2], values: Array(repeating: 0, count: 256)) },
            refusal { $0.tensors = [:] },
        ]
        #expect(texts[0] == "", "factors are read later")
        #expect(texts[1].contains("must be a matrix") && texts[2].contains("columns") && texts[3].contains("holds no tensors"), "\(texts)")
        var adapter = TestAdapter.ofSampleModel(seed: 1)
        adapter.tensors[a]?.values[7] = .nan
        let folder = try TemporaryFolder()
        let opened = try Adapter.open(try adapter.write(to: folder, "nan"), for: model)
        #expect(throws: EngineError.self) { try opened.factors["model.layers.0.self_attn.q_proj"]?.down() }
    }

    @Test func filesThatAreMissing() throws {
        func message(_ path: String) -> String {
            do { _ = try Adapter.open(path, for: model) } catch { return error.message }
            return ""
        }
        #expect(message(Fixtures.sampleModel.path).contains("the directory holds a model"))
        #expect(message("/nowhere").contains("/nowhere"))
        try folder.createFolder("pickled")
        try folder.write("pickled/adapter_config.json", Array("{}".utf8))
        #expect(message(folder.path("pickled")).contains("weights are missing"))
        try folder.write("pickled/adapter_model.bin", [1])
        #expect(message(folder.path("pickled")).contains("save the adapter as safetensors"))
        let path = try TestAdapter.ofSampleModel(seed: 1).write(to: folder, "whole")
        let first = try Adapter.open(path, for: model).digest
        try TestAdapter.ofSampleModel(seed: 2).write(to: folder, "other")
        #expect(try Adapter.open(folder.path("other"), for: model).digest != first)
        var rescaled = TestAdapter.ofSampleModel(seed: 1)
        rescaled.configuration["lora_alpha"] = 16
        #expect(try Adapter.open(try rescaled.write(to: folder, "rescaled"), for: model).digest != first)
    }

    /// PEFT up to 0.18 reads fused experts transposed; the sizes of the sample model do not tell.
    @Test func fusedExpertsOfBothReadings() throws {
        let module = "model.layers.1.mlp.experts"
        var adapter = TestAdapter([(module, 128, 128)], rank: 32)
        #expect(throws: EngineError.self) { try open(adapter) }
        adapter.configuration["peft_version"] = "0.21.2"
        let new = try Adapter.open(try adapter.write(to: folder, "new"), for: model)
        adapter.configuration["peft_version"] = "0.17.1"
        let old = try Adapter.open(try adapter.write(to: folder, "old"), for: model)
        #expect(new.factors.count == 32 && new.factors.keys == old.factors.keys)
        let (a, b) = (
            try #require(adapter.tensors["base_model.model.\(module).lora_A.weight"]).values,
            try #require(adapter.tensors["base_model.model.\(module).lora_B.weight"]).values
        )
        // Rank 2 for each of 16 experts; gates are rows 0..<64 of the fused matrix, ups the others; alpha 8.
        let ups = "\(module).3.up_proj"
        #expect(try new.factors[ups]?.down() == Array(a[6 * 128..<8 * 128]))
        #expect(try new.factors[ups]?.up() == (64..<128).flatMap { row in [3, 19].map { b[row * 32 + $0] * 4 } })
        #expect(try old.factors[ups]?.down() == [3, 19].flatMap { column in (0..<128).map { b[$0 * 32 + column] } })
        #expect(try old.factors[ups]?.up() == (64..<128).flatMap { column in [6, 7].map { a[$0 * 128 + column] * 4 } })
    }
}
