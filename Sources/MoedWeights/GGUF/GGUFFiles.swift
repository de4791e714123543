import MoedCore

/// The files of a Hugging Face model that a GGUF model's metadata stand for.
struct GGUFFiles {
    private let metadata: GGUFMetadata
    private let tensors: [[TensorEntry]]

    init(_ model: GGUFModel) {
        metadata = GGUFMetadata(path: model.path, values: model.metadata)
        tensors = model.tensors
    }

    /// - Parameter exceptTokenizer: another tokenizer is used.
    /// - Throws: `EngineError(.badCheckpoint)` or `(.unsupportedModel)` naming file, key and reason.
    func files(exceptTokenizer: Bool) throws(EngineError) -> [String: [UInt8]] {
        var files: [String: JSONObject] = ["config.json": try configuration()]
        if !exceptTokenizer {
            let tokenizer = try GGUFTokenizer(metadata)
            files["tokenizer.json"] = tokenizer.file
            files["tokenizer_config.json"] = try tokenizer.configuration(metadata)
            files["generation_config.json"] = try generation(ends: tokenizer.ends)
        }
        return files.mapValues { Array(JSONValue.object($0).serialized().utf8) }
    }

    private func shape(_ name: String) -> [Int]? {
        for file in tensors {
            if let entry = file.first(where: { $0.name == name }) { return entry.shape }
        }
        return nil
    }

    private func configuration() throws(EngineError) -> JSONObject {
        let known = ["qwen3": "Qwen3ForCausalLM", "qwen3moe": "Qwen3MoeForCausalLM"]
        if let kind = try metadata.string("general.type"), kind != "model" {
            throw metadata.unsupported("general.type", "is \(kind.prefix(40)): this is no model")
        }
        guard let name = try metadata.string("general.architecture") else {
            throw metadata.error("general.architecture", "is missing")
        }
        guard let architecture = known[name] else {
            throw metadata.unsupported(
                "general.architecture", "is \(name.prefix(40)); qwen3 and qwen3moe are supported")
        }
        let layers = try metadata.required("\(name).block_count")
        let hidden = try metadata.required("\(name).embedding_length")
        let heads = try metadata.required("\(name).attention.head_count")
        guard let embedding = shape("token_embd.weight"), embedding.count == 2 else {
            throw metadata.error("tensor token_embd.weight", "is missing")
        }
        let keyHeads = try metadata.integer("\(name).attention.head_count_kv") ?? heads
        let keyLength = try metadata.integer("\(name).attention.key_length") ?? hidden / max(1, heads)
        if let valueLength = try metadata.integer("\(name).attention.value_length"), valueLength != keyLength {
            throw metadata.unsupported(
                "\(name).attention.value_length", "is \(valueLength), not the key's \(keyLength)")
        }
        var object = JSONObject([
            ("architectures", [.string(architecture)]), ("vocab_size", .integer(Int64(embedding[0]))),
            ("hidden_size", .integer(Int64(hidden))), ("num_hidden_layers", .integer(Int64(layers))),
            ("num_attention_heads", .integer(Int64(heads))), ("num_key_value_heads", .integer(Int64(keyHeads))),
            ("head_dim", .integer(Int64(keyLength))), ("hidden_act", "silu"),
            ("rms_norm_eps", .double(try metadata.number("\(name).attention.layer_norm_rms_epsilon") ?? 1e-6)),
            ("max_position_embeddings", .integer(Int64(try metadata.required("\(name).context_length")))),
            ("rope_theta", .double(try metadata.number("\(name).rope.freq_base") ?? 10_000)),
            ("tie_word_embeddings", .bool(shape("output.weight") == nil)),
        ])
        if let width = try metadata.integer("\(name).feed_forward_length") {
            object["intermediate_size"] = .integer(Int64(width))
        }
        if name == "qwen3moe" { try addExperts(&object, name, hidden: hidden) }
        if let scaling = try scaling(name) { object["rope_scaling"] = .object(scaling) }
        if let end = try metadata.integer("tokenizer.ggml.eos_token_id") {
            object["eos_token_id"] = .integer(Int64(end))
        }
        return object
    }

    private func addExperts(_ object: inout JSONObject, _ name: String, hidden: Int) throws(EngineError) {
        let used = try metadata.required("\(name).expert_used_count")
        object["num_experts"] = .integer(Int64(try metadata.required("\(name).expert_count")))
        object["num_experts_per_tok"] = .integer(Int64(used))
        // Old files lack the width; the tensor shows it: [experts, width, hidden], or [width, hidden] of one expert.
        let shape = shape("blk.0.ffn_gate_exps.weight") ?? shape("blk.0.ffn_gate.0.weight")
        guard let width = try metadata.integer("\(name).expert_feed_forward_length") ?? shape?.dropLast().last else {
            throw metadata.error("\(name).expert_feed_forward_length", "is missing")
        }
        object["moe_intermediate_size"] = .integer(Int64(width))
        // llama.cpp always normalises, and knows no dense layers here.
        object["norm_topk_prob"] = true
        object["decoder_sparse_step"] = 1
        object["mlp_only_layers"] = []
        for key in ["expert_shared_count", "expert_weights_scale"] {
            guard let value = metadata["\(name).\(key)"], value.number != 0, value.number != 1 else { continue }
            throw metadata.unsupported("\(name).\(key)", "is \(value.serialized().prefix(40)), which is not supported")
        }
    }

    /// `rope_scaling`; nil when the context is not extended.
    private func scaling(_ name: String) throws(EngineError) -> JSONObject? {
        let prefix = "\(name).rope.scaling"
        guard let type = try metadata.string("\(prefix).type"), type != "none" else { return nil }
        var object = JSONObject([("rope_type", .string(type))])
        if let factor = try metadata.number("\(prefix).factor") { object["factor"] = .double(factor) }
        if let length = try metadata.integer("\(prefix).original_context_length") {
            object["original_max_position_embeddings"] = .integer(Int64(length))
        }
        for (key, field) in [("yarn_beta_fast", "beta_fast"), ("yarn_beta_slow", "beta_slow")] {
            if let value = try metadata.number("\(prefix).\(key)") { object[field] = .double(value) }
        }
        for key in ["attn_factor", "yarn_attn_factor", "yarn_ext_factor"] {
            guard let value = try metadata.number("\(prefix).\(key)"), value != 1 else { continue }
            throw metadata.unsupported("\(prefix).\(key)", "is \(value); only 1 is supported")
        }
        return object
    }

    /// `generation_config.json`. Qwen3's two end tokens both end an answer; a file names one of them.
    private func generation(ends: [Int]) throws(EngineError) -> JSONObject {
        var object = JSONObject([("eos_token_id", .array(ends.map { .integer(Int64($0)) }))])
        for (key, field) in [
            ("temp", "temperature"), ("top_p", "top_p"), ("min_p", "min_p"), ("penalty_repeat", "repetition_penalty"),
        ] {
            if let value = try metadata.number("general.sampling.\(key)") { object[field] = .double(value) }
        }
        if let value = try metadata.integer("general.sampling.top_k") { object["top_k"] = .integer(Int64(value)) }
        return object
    }
}
