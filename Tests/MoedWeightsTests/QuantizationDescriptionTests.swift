import MoedCore
import TestSupport
import Testing

@testable import MoedWeights

/// What a checkpoint says about its quantisation.
@Suite struct QuantizationDescriptionTests {
    private static func description(
        _ config: JSONValue?, field: String = "quantization_config", files: [String: JSONValue] = [:]
    ) throws -> QuantizationDescription? {
        let checkpoint = try TestCheckpoint()
        for (name, value) in files { try checkpoint.write(name, value.serialized()) }
        let object = JSONObject(config.map { [(field, $0)] } ?? [])
        return try QuantizationDescription.find(
            ConfigurationFields(path: "config.json", object: object), directory: checkpoint.path)
    }

    @Test func places() throws {
        #expect(try Self.description(nil) == nil)
        #expect(try Self.description(["quant_method": "fp8"])?.method == "fp8")
        #expect(try Self.description(["format": "dense"], field: "compression_config")?.method == "compressed-tensors")
        let beside = try Self.description(nil, files: ["quantize_config.json": ["bits": 4, "group_size": 32]])
        #expect(beside?.method == "gptq" && beside?.groupSizes == [32] && beside?.bits == [4])
        let older = try Self.description(nil, files: ["quant_config.json": ["w_bit": 4, "q_group_size": 64]])
        #expect(older?.method == "awq" && older?.groupSizes == [64])
        let modelOpt = try Self.description(
            nil, files: ["hf_quant_config.json": ["producer": [:], "quantization": ["quant_algo": "NVFP4"]]])
        #expect(modelOpt?.method == "modelopt")
    }

    @Test func zeroPointsOfGPTQ() throws {
        let cases: [(JSONValue, GPTQRows.Zeros?)] = [
            (["quant_method": "gptq"], .decremented),
            (["quant_method": "gptq", "checkpoint_format": "gptq_v2"], .plain),
            (["quant_method": "gptq", "checkpoint_format": .null, "format": "gptq_v2"], .plain),
            (["quant_method": "auto-round", "packing_format": "auto_round:auto_gptq"], .decremented),
            (["quant_method": "intel/auto-round", "backend": "auto_round:gptqmodel"], .plain),
            (["quant_method": "auto-round"], .plain), (["quant_method": "awq", "bits": 4], nil),
        ]
        for (config, zeros) in cases { #expect(try Self.description(config)?.zeros == zeros, "\(config)") }
    }

    @Test func sizesOfSingleModules() throws {
        let gptq = try Self.description([
            "quant_method": "gptq", "bits": 4, "group_size": 128,
            "dynamic": ["-:.*gate.*": [:], "+:.*down.*": ["bits": 8, "group_size": 32]],
        ])
        #expect(gptq?.bits == [4, 8] && gptq?.groupSizes == [128, 32])
        let compressed = try Self.description([
            "quant_method": "compressed-tensors", "format": "mixed-precision", "quantization_status": "compressed",
            "config_groups": [
                "group_0": ["format": "pack-quantized", "weights": ["num_bits": 4, "group_size": 32]],
                "group_1": ["format": "float-quantized", "weights": ["num_bits": 8, "block_structure": [64, 128]]],
            ], "sparsity_config": [:], "transform_config": [:], "kv_cache_scheme": .null,
        ])
        #expect(compressed?.bits == [4, 8] && compressed?.groupSizes == [32])
        #expect(compressed?.sharings == [.group(32), .block(rows: 64, columns: 128)])
    }

    @Test func waysOfSharingScales() throws {
        func sharings(_ weights: JSONValue...) throws -> [QuantScheme.Sharing]? {
            let groups = JSONObject(weights.enumerated().map { ("group_\($0.offset)", ["weights": $0.element]) })
            return try Self.description(["quant_method": "compressed-tensors", "config_groups": .object(groups)])?.sharings
        }
        #expect(try sharings(["strategy": "channel"], ["strategy": "tensor"]) == [.row, .matrix])
        #expect(try sharings(["strategy": "group", "group_size": 20], ["group_size": -1]) == [.group(20), .row])
        #expect(try sharings(["num_bits": 8]) == [.matrix])
        let preset = try Self.description(["quant_method": "compressed-tensors", "config_groups": ["W4A16": ["Linear"]]])
        #expect(preset?.sharings == [] && preset?.groupSizes == [])
        // Without the usual size the others do not tell.
        let open = try Self.description(["quant_method": "gptq", "dynamic": ["+:a": ["bits": 8, "group_size": 32]]])
        #expect(open?.groupSizes == [] && open?.bits == [8])
        let inherited = try Self.description([
            "quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": true,
            "dynamic": ["a": ["bits": 8], "-:b": [:], "c": ["desc_act": false, "bits": 16]],
        ])
        #expect(inherited?.schemes.map(\.bits) == [4, 8] && inherited?.groupSizes == [128])
        #expect(inherited?.schemes.map(\.isIndexed) == [true, true])
        let blocks = try Self.description(["quant_method": "auto-round", "bits": 8, "group_size": [128, 64]])
        #expect(blocks?.sharings == [.block(rows: 128, columns: 64)])
    }

    @Test(arguments: [
        (["quant_method": "bitsandbytes"], "bitsandbytes"), (["quant_method": "gptq", "checkpoint_format": "marlin"], "marlin"),
        (["quant_method": "gptq", "is_marlin_format": true], "is_marlin_format"),
        (["quant_method": "awq", "bits": 4, "version": "gemv"], "gemv"), (["quant_method": "awq", "bits": 8], "bits"),
        (["quant_method": "fp8", "fmt": "e5m2"], "e5m2"),
        (["quant_method": "auto-round", "packing_format": "auto_round:tritonv3"], "tritonv3"),
        (["quant_method": "compressed-tensors", "format": "marlin-24"], "marlin-24"),
        (["quant_method": "compressed-tensors", "quantization_status": "frozen"], "frozen"),
        (["quant_method": "compressed-tensors", "sparsity_config": ["format": "sparse-24-bitmask"]], "sparse-24-bitmask"),
        (["quant_method": "compressed-tensors", "transform_config": ["config_groups": [:]]], "transform_config"),
        (["quant_method": "modelopt", "quant_algo": "W4A8_AWQ"], "W4A8_AWQ"),
        (["quant_method": "gptq", "rotation": "hadamard"], "rotation"),
        (["quant_method": "auto-round", "rotation_config": ["block_size": 32]], "rotation_config"),
        (["quant_method": "auto-round", "data_type": "mx_int4"], "mx_int4"),
        (["quant_method": "awq", "bits": 4, "format": "gemv_fast"], "gemv_fast"),
        (["quant_method": "compressed-tensors", "config_groups": ["a": ["weights": ["strategy": "token"]]]], "token"),
    ] as [(JSONValue, String)])
    func whatIsNotReadIsNamed(config: JSONValue, word: String) throws {
        let error = #expect(throws: EngineError.self) { try Self.description(config) }
        #expect(error?.code == .unsupportedModel)
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("which is not read. Take the model's") == true, "\(error?.message ?? "")")
    }

    @Test func anotherLibrarysDescriptionIsNamed() throws {
        let error = #expect(throws: EngineError.self) {
            try Self.description(["group_size": 64, "bits": 4], field: "quantization")
        }
        #expect(error?.message.contains("MLX") == true)
    }

    @Test(arguments: [
        ["bits": 4], ["quant_method": 4], ["quant_method": "fp8", "weight_block_size": [128]],
        ["quant_method": "fp8", "weight_block_size": [0, 128]], ["quant_method": "gptq", "bits": "four"],
        ["quant_method": "compressed-tensors", "config_groups": ["group_0": []]], [],
    ] as [JSONValue])
    func malformedOnesAreRefused(config: JSONValue) throws {
        let error = #expect(throws: EngineError.self) { try Self.description(config) }
        #expect(error?.code == .badCheckpoint && error?.message.contains("config") == true, "\(error?.message ?? "")")
    }
}
