import MoedCore
import MoedWeights
import TestSupport
import Testing

@Suite struct ConfigurationTests {
    private func configuration(_ changes: (String, JSONValue?)...) throws -> ModelConfiguration {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration(changes)
        return try ModelConfiguration(path: checkpoint.path + "/config.json")
    }

    private func refuses(
        _ code: EngineError.Code = .badCheckpoint, naming word: String, _ changes: (String, JSONValue?)...,
        location: SourceLocation = #_sourceLocation
    ) throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration(changes)
        expectRefusal(checkpoint, code, naming: "config.json", location: location)
        expectRefusal(checkpoint, code, naming: word, location: location)
    }

    @Test func everyRequiredFieldIsMissed() throws {
        for field in [
            "architectures", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_experts",
            "moe_intermediate_size",
        ] {
            try refuses(naming: field, (field, nil))
            try refuses(naming: field, (field, .null))
            try refuses(naming: field, (field, "text"))
            try refuses(naming: field, (field, [[]]))
        }
        let dense: (String, JSONValue?) = ("architectures", ["Qwen3ForCausalLM"])
        try refuses(naming: "intermediate_size", dense, ("intermediate_size", nil))
        try refuses(naming: "intermediate_size", ("mlp_only_layers", [0]), ("intermediate_size", nil))
    }

    /// What transformers has a default for is taken from there, and a remark says so.
    @Test func defaultsAreThoseOfTransformers() throws {
        let fields = [
            "rms_norm_eps", "rope_theta", "max_position_embeddings", "num_experts_per_tok", "norm_topk_prob",
        ]
        for field in fields {
            let model = try configuration((field, nil), ("num_experts", 9))
            #expect(model.remarks.count == 1 && model.remarks[0].contains(field), "\(model.remarks)")
            try refuses(naming: field, (field, "text"))
            try refuses(naming: field, (field, [[]]))
        }
        let model = try configuration(
            ("rms_norm_eps", nil), ("rope_theta", .null), ("max_position_embeddings", nil),
            ("num_experts_per_tok", nil), ("norm_topk_prob", nil), ("num_experts", 9), ("intermediate_size", nil))
        #expect(model.normEpsilon == 1e-6 && model.rotary.base == 10_000 && model.contextLength == 32_768)
        #expect(model.experts?.perToken == 8 && model.experts?.renormalises == false)
        try refuses(naming: "num_experts_per_tok", ("num_experts_per_tok", nil))
        #expect(try configuration().remarks == [])
    }

    @Test func numbersOutOfRange() throws {
        for field in [
            "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
            "head_dim", "num_experts", "num_experts_per_tok", "moe_intermediate_size",
            "max_position_embeddings",
            "decoder_sparse_step",
        ] {
            for value: JSONValue in [0, -1, 1.5, 9_223_372_036_854_775_807, 1e300] {
                try refuses(naming: field, (field, value))
            }
        }
        try refuses(naming: "head_dim", ("head_dim", 3))
        try refuses(naming: "head_dim", ("head_dim", 512))
        try refuses(naming: "num_key_value_heads", ("num_attention_heads", 3), ("num_key_value_heads", 2))
        try refuses(naming: "num_experts_per_tok", ("num_experts_per_tok", 3))
        try refuses(naming: "rms_norm_eps", ("rms_norm_eps", -1e-6))
        try refuses(naming: "rope_theta", ("rope_theta", 0))
        try refuses(naming: "mlp_only_layers", ("mlp_only_layers", [1]))
        try refuses(naming: "eos_token_id", ("eos_token_id", -1))
        try refuses(naming: "eos_token_id", ("eos_token_id", [1, "x"]))
    }

    @Test func whatIsNotSupportedIsNamed() throws {
        try refuses(.unsupportedModel, naming: "LlamaForCausalLM", ("architectures", ["LlamaForCausalLM"]))
        try refuses(.unsupportedModel, naming: "attention_bias", ("attention_bias", true))
        try refuses(.unsupportedModel, naming: "use_sliding_window", ("use_sliding_window", true))
        try refuses(.unsupportedModel, naming: "layer_types", ("layer_types", ["sliding_attention"]))
        try refuses(.unsupportedModel, naming: "hidden_act", ("hidden_act", "gelu"))
        for name in ["linear", "dynamic", "longrope", "llama3"] {
            try refuses(
                .unsupportedModel, naming: name, ("rope_scaling", ["type": .string(name), "factor": 2]))
            try refuses(.unsupportedModel, naming: name, ("rope_parameters", ["rope_type": .string(name)]))
        }
        let harmless = try configuration(
            ("attention_bias", false), ("use_sliding_window", false), ("layer_types", ["full_attention"]),
            ("quantization_config", .null), ("rope_scaling", .null))
        #expect(harmless.experts?.count == 2 && harmless.rotary.yarn == nil)
    }

    @Test func defaultsAndDerivedValues() throws {
        #expect(try configuration(("head_dim", nil)).headDim == 2)
        try refuses(
            naming: "head_dim", ("head_dim", nil), ("num_attention_heads", 2), ("num_key_value_heads", 2))
        #expect(
            try configuration(("num_key_value_heads", .null), ("num_attention_heads", 3)).keyValueHeads == 3)
        #expect(
            try configuration(("num_key_value_heads", nil), ("num_attention_heads", 8)).keyValueHeads == 4)
        try refuses(naming: "num_key_value_heads", ("num_key_value_heads", nil), ("num_attention_heads", 3))
        #expect(try configuration(("tie_word_embeddings", nil)).tiedEmbeddings == false)
        #expect(try configuration(("eos_token_id", 3)).eosTokenIDs == [3])
        #expect(try configuration(("eos_token_id", [3, 1])).eosTokenIDs == [3, 1])
        let mixed = try configuration(
            ("num_hidden_layers", 6), ("decoder_sparse_step", 2), ("mlp_only_layers", [3]))
        #expect((0..<6).filter(mixed.isSparse) == [1, 5])
        let dense = try configuration(("architectures", ["Qwen3ForCausalLM"]), ("norm_topk_prob", nil))
        #expect(dense.experts == nil && !dense.isSparse(layer: 0))
    }

    @Test func bothSpellingsOfRotation() throws {
        let older: JSONValue = ["type": "yarn", "factor": 4, "original_max_position_embeddings": 32]
        let newer: JSONValue = [
            "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "rope_theta": 500,
        ]
        let first = try configuration(("rope_scaling", older), ("rope_theta", 500))
        let second = try configuration(("rope_parameters", newer), ("rope_theta", nil))
        #expect(first.rotary == second.rotary && first.contextLength == 128)
        #expect(
            try configuration(("rope_parameters", ["rope_type": "default", "rope_theta": 77])).rotary.base
                == 77)
        #expect(
            try configuration(("rope_parameters", ["rope_type": "default"]), ("rope_theta", nil)).rotary.base == 10_000)
        try refuses(naming: "factor", ("rope_scaling", ["type": "yarn"]))
        try refuses(naming: "factor", ("rope_scaling", ["type": "yarn", "factor": 0]))
        try refuses(naming: "rope_scaling", ("rope_scaling", "yarn"))
    }

    @Test func yarnAttentionFactor() throws {
        func factor(_ fields: [(String, JSONValue)]) throws -> Double {
            let scaling = JSONObject(
                [("rope_type", "yarn"), ("factor", 4), ("original_max_position_embeddings", 16)] + fields)
            return try configuration(("rope_scaling", .object(scaling))).rotary.attentionFactor
        }
        #expect(abs(try factor([]) - 1.1386294361) < 1e-9)
        #expect(try factor([("attention_factor", 1.5)]) == 1.5)
        #expect(try factor([("mscale", 1), ("mscale_all_dim", 1)]) == 1)
        #expect(abs(try factor([("mscale", 2), ("mscale_all_dim", 1)]) - 1.2772588722 / 1.1386294361) < 1e-9)
    }

    /// transformers from 5.2 on writes these names.
    @Test func newerNames() throws {
        let model = try configuration(
            ("num_experts", nil), ("num_local_experts", 2), ("rope_theta", nil), ("torch_dtype", nil),
            ("dtype", "bfloat16"), ("rope_parameters", ["rope_theta": 77, "rope_type": "default"]),
            ("model_type", "qwen3_moe"), ("layer_types", ["full_attention"]), ("sliding_window", .null),
            ("transformers_version", "5.24.0"))
        #expect(model.experts?.count == 2 && model.rotary.base == 77 && model.remarks == [])
        #expect(try configuration(("num_local_experts", 5)).experts?.count == 5)
        try refuses(naming: "num_local_experts", ("num_experts", nil), ("num_local_experts", "x"))
        #expect(try configuration(("architectures", nil), ("model_type", "qwen3_moe")).experts != nil)
        try refuses(naming: "model_type is qwen3", ("model_type", "qwen3"))
        try refuses(.unsupportedModel, naming: "llama", ("model_type", "llama"))
    }

    /// transformers takes `rope_scaling` where both objects are there, and the base from inside first.
    @Test func rotationSaidTwice() throws {
        let yarn: JSONValue = ["rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16]
        let newer: JSONValue = ["rope_type": "default", "rope_theta": 10000]
        let both = try configuration(("rope_parameters", newer), ("rope_scaling", yarn))
        #expect(both.rotary.yarn?.factor == 4 && both.rotary.base == 10_000)
        #expect(both.remarks.count == 1 && both.remarks[0].contains("rope_parameters is not"))
        try refuses(
            naming: "rope_parameters", ("rope_theta", nil), ("rope_scaling", yarn),
            ("rope_parameters", ["rope_type": "default", "rope_theta": 5e6]))
        let empty = try configuration(("rope_scaling", [:]), ("rope_parameters", yarn))
        #expect(empty.rotary.yarn != nil && empty.remarks == [])

        let inner = try configuration(("rope_scaling", ["rope_type": "default", "rope_theta": 5_000_000]))
        #expect(inner.rotary.base == 5e6 && inner.remarks.count == 1)

        let outer = try configuration(
            ("original_max_position_embeddings", 32), ("max_position_embeddings", 512),
            ("rope_scaling", ["rope_type": "yarn", "factor": 4]))
        #expect(outer.rotary.yarn?.originalContextLength == 32)
        let twice = try configuration(("original_max_position_embeddings", 32), ("rope_scaling", yarn))
        #expect(twice.rotary.yarn?.originalContextLength == 32 && twice.remarks.count == 1)
        let ratio = try configuration(
            ("original_max_position_embeddings", 16), ("rope_scaling", ["rope_type": "yarn", "factor": .null]))
        #expect(ratio.rotary.yarn?.factor == 4)
        #expect(
            try configuration(("rope_scaling", ["rope_type": "yarn", "factor": 2, "truncate": .null]))
                .rotary.yarn?.truncates == false)
    }

    @Test func membersOfTheRotationThatAreNotRead() throws {
        let deepSeek: JSONValue = ["rope_type": "yarn", "factor": 4, "attn_factor": 0.878]
        try refuses(.unsupportedModel, naming: "attn_factor", ("rope_scaling", deepSeek))
        try refuses(.unsupportedModel, naming: "attention_factor", ("rope_scaling", deepSeek))
        try refuses(
            .unsupportedModel, naming: "sections", ("rope_scaling", ["type": "default", "sections": [1, 2]]))
        // Text has the same position in all sections, so they rotate it as if there were none.
        #expect(
            try configuration(("rope_scaling", ["type": "default", "mrope_section": [1, 2]])).rotary
                == configuration().rotary)
        // Without its type the factor has no effect in transformers.
        try refuses(.unsupportedModel, naming: "factor", ("rope_scaling", ["factor": 4.0]))
        try refuses(.unsupportedModel, naming: "full_attention", ("rope_parameters", ["full_attention": [:]]))
        try refuses(.unsupportedModel, naming: "partial_rotary_factor", ("partial_rotary_factor", 0.5))
        #expect(
            try configuration(("rope_scaling", ["rope_type": "yarn", "factor": 4, "attn_factor": 1])).rotary.yarn != nil)
        try refuses(
            .unsupportedModel, naming: "dual_chunk_attention_config",
            ("dual_chunk_attention_config", ["chunk_size": 262_144]))
    }

    @Test func membersThatAreNotKnown() throws {
        for (name, value): (String, JSONValue) in [
            ("logit_scale", 0.5), ("n_group", 4), ("use_mrope", true), ("vision_config", ["depth": 1]),
            ("per_layer_config", ["0": ["head_dim": 4]]), ("norm_topk_prop", true), ("is_encoder_decoder", true), ("use_qk_norm", false),
            ("rms_norm_ep\u{301}s", 1),
        ] {
            try refuses(.unsupportedModel, naming: name, (name, value))
        }
        let off = try configuration(
            ("use_mrope", false), ("vision_config", [:]), ("n_group", 0), ("x", .null), ("use_qk_norm", true))
        #expect(off.remarks.count == 1 && off.remarks[0].contains("use_mrope, vision_config, n_group"))
        let harmless = try configuration(
            ("_name_or_path", "a"), ("unsloth_version", "1"), ("temperature", 0.6), ("id2label", ["0": "a"]),
            ("attention_dropout", 0.1), ("max_window_layers", 28), ("sliding_window", 4096))
        #expect(harmless.remarks == [])
        #expect(try configuration(("auto_map", ["AutoModel": "x.Y"])).remarks.count == 1)
    }

    @Test func generationDefaults() throws {
        let checkpoint = try TestCheckpoint()
        let path = checkpoint.path + "/generation_config.json"
        #expect(try GenerationDefaults(path: path) == GenerationDefaults())
        try checkpoint.write(
            "generation_config.json",
            #"{"do_sample":true,"temperature":0.6,"top_k":20,"top_p":0.95,"min_p":0,"#
                + #""repetition_penalty":1.05,"eos_token_id":7}"#
        )
        let defaults = try GenerationDefaults(path: path)
        #expect(defaults.samples == true && defaults.temperature == 0.6 && defaults.topK == 20)
        #expect(defaults.topP == 0.95 && defaults.minP == 0 && defaults.repetitionPenalty == 1.05)
        #expect(defaults.eosTokenIDs == [7])
        for text in [
            "[]", "{", #"{"temperature":-1}"#, #"{"top_k":1.5}"#, #"{"top_p":2}"#, #"{"eos_token_id":"x"}"#,
        ] {
            try checkpoint.write("generation_config.json", text)
            #expect(throws: EngineError.self) { try GenerationDefaults(path: path) }
        }
    }
}
