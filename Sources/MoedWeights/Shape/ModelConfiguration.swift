package import MoedCore

/// A checked `config.json` of a Qwen3 or Qwen3-MoE model.
package struct ModelConfiguration: Sendable, Equatable {
    package enum Architecture: String, Sendable {
        case dense = "Qwen3ForCausalLM"
        case mixtureOfExperts = "Qwen3MoeForCausalLM"
    }

    /// The expert layers of a mixture-of-experts model.
    package struct Experts: Sendable, Equatable {
        package var count: Int
        /// Experts each token is sent to.
        package var perToken: Int
        package var intermediate: Int
        /// True divides the chosen experts' weights by their sum (`norm_topk_prob`).
        package var renormalises: Bool
        /// Layer l is sparse when (l + 1) is a multiple of `step` and l is not in `denseLayers`.
        package var step: Int
        package var denseLayers: Set<Int>
    }

    /// Far beyond any Qwen3 model, and small enough that no product of them overflows.
    package enum Limit {
        static let layers = 1024
        static let hidden = 1 << 17
        static let intermediate = 1 << 20
        static let heads = 4096
        static let headDim = 256
        static let vocabulary = 1 << 24
        static let experts = 1 << 14
        package static let contextLength = 1 << 26
    }

    package var architecture: Architecture
    package var vocabulary: Int
    package var hidden: Int
    package var layers: Int
    package var heads: Int
    package var keyValueHeads: Int
    package var headDim: Int
    /// Width of dense feed-forward layers.
    package var intermediate: Int
    package var experts: Experts?
    package var normEpsilon: Float
    package var rotary: RotaryParameters
    /// Longest sequence: `max_position_embeddings`, or what YaRN extends it to.
    package var contextLength: Int
    /// True when the output matrix is the embedding.
    package var tiedEmbeddings: Bool
    package var eosTokenIDs: [TokenID]

    package func isSparse(layer: Int) -> Bool {
        guard let experts else { return false }
        return (layer + 1) % experts.step == 0 && !experts.denseLayers.contains(layer)
    }
}

extension ModelConfiguration {
    static let byteCountMax = 1 << 20

    /// Reads `config.json`.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` for missing, malformed or contradicting fields and
    ///   `EngineError(.unsupportedModel)` for what this engine cannot run; both name the field.
    package init(path: String) throws(EngineError) {
        guard let object = try WeightFile.object(at: path, limit: Self.byteCountMax) else {
            throw EngineError(.badCheckpoint, "\(path) is missing")
        }
        try self.init(ConfigurationFields(path: path, object: object))
    }

    init(_ fields: ConfigurationFields) throws(EngineError) {
        architecture = try Self.architecture(fields)
        try Self.refuseUnsupported(fields)
        vocabulary = try fields.integer("vocab_size", in: 1...Limit.vocabulary)
        hidden = try fields.integer("hidden_size", in: 1...Limit.hidden)
        layers = try fields.integer("num_hidden_layers", in: 1...Limit.layers)
        heads = try fields.integer("num_attention_heads", in: 1...Limit.heads)
        keyValueHeads = try fields.optionalInteger("num_key_value_heads", in: 1...Limit.heads) ?? heads
        guard heads % keyValueHeads == 0 else {
            throw fields.error(
                "num_key_value_heads", "is \(keyValueHeads), which does not divide \(heads) heads")
        }
        if let headDim = try fields.optionalInteger("head_dim", in: 2...Limit.headDim) {
            self.headDim = headDim
        } else {
            headDim = hidden / heads
            guard headDim * heads == hidden, (2...Limit.headDim).contains(headDim) else {
                throw fields.error(
                    "head_dim", "is missing, and hidden_size \(hidden) / \(heads) heads gives none")
            }
        }
        guard headDim % 2 == 0 else {
            throw fields.error("head_dim", "is \(headDim), but rotation needs pairs")
        }
        intermediate = try fields.integer("intermediate_size", in: 1...Limit.intermediate)
        normEpsilon = Float(try fields.number("rms_norm_eps", in: 1e-12...0.1))
        contextLength = try fields.integer("max_position_embeddings", in: 1...Limit.contextLength)
        rotary = try RotaryParameters(fields, contextLength: contextLength)
        if let yarn = rotary.yarn {
            let extended = (yarn.factor * Double(yarn.originalContextLength)).rounded(.down)
            contextLength = max(contextLength, Int(min(extended, Double(Limit.contextLength))))
        }
        tiedEmbeddings = try fields.optionalBool("tie_word_embeddings") ?? false
        eosTokenIDs = try fields.tokenIDs("eos_token_id")
        experts = nil
        if architecture == .mixtureOfExperts { experts = try Self.experts(fields, layers: layers) }
    }

    private static func architecture(_ fields: ConfigurationFields) throws(EngineError) -> Architecture {
        guard let value = fields["architectures"] else { throw fields.error("architectures", "is missing") }
        guard let names = value.array, names.count == 1, let name = names[0].string else {
            throw fields.error("architectures", "must be a list of one name")
        }
        guard let architecture = Architecture(rawValue: name) else {
            throw fields.unsupported(
                "architectures",
                "names \(name.prefix(80)); Qwen3ForCausalLM and Qwen3MoeForCausalLM are supported")
        }
        return architecture
    }

    /// Features that would change the result and that this engine does not have.
    private static func refuseUnsupported(_ fields: ConfigurationFields) throws(EngineError) {
        if fields["quantization_config"] != nil {
            let method = fields["quantization_config"]?["quant_method"]?.string ?? "unnamed"
            throw fields.unsupported(
                "quantization_config", "(method \(method.prefix(40))): quantised checkpoints are not read")
        }
        for field in ["attention_bias", "mlp_bias"] where try fields.optionalBool(field) ?? false {
            throw fields.unsupported(field, "is true: biases are not supported")
        }
        if try fields.optionalBool("use_sliding_window") ?? false {
            throw fields.unsupported("use_sliding_window", "is true: only full attention is supported")
        }
        if let kinds = fields["layer_types"]?.array, kinds.contains(where: { $0 != "full_attention" }) {
            throw fields.unsupported("layer_types", "has other than full_attention layers")
        }
        for field in ["hidden_act", "hidden_activation"] {
            guard let activation = try fields.optionalString(field) else { continue }
            guard activation == "silu" || activation == "swish" else {
                throw fields.unsupported(field, "is \"\(activation.prefix(40))\": only silu is supported")
            }
        }
        if let shared = fields["shared_expert_intermediate_size"], shared != 0 {
            throw fields.unsupported(
                "shared_expert_intermediate_size", "is set: shared experts are not supported")
        }
    }

    private static func experts(_ fields: ConfigurationFields, layers: Int) throws(EngineError) -> Experts {
        let count = try fields.integer("num_experts", in: 1...Limit.experts)
        guard let renormalises = try fields.optionalBool("norm_topk_prob") else {
            // Library defaults differ from what the checkpoints were trained with, so there is none to fall
            // back to.
            throw fields.error("norm_topk_prob", "is missing")
        }
        var denseLayers: Set<Int> = []
        if let value = fields["mlp_only_layers"] {
            guard let list = value.array else { throw fields.error("mlp_only_layers", "must be a list") }
            for element in list {
                guard let layer = element.integer, (0..<layers).contains(layer) else {
                    throw fields.error(
                        "mlp_only_layers", "has an element that is no layer of 0…\(layers - 1)")
                }
                denseLayers.insert(layer)
            }
        }
        return Experts(
            count: count,
            perToken: try fields.integer("num_experts_per_tok", in: 1...count),
            intermediate: try fields.integer("moe_intermediate_size", in: 1...Limit.intermediate),
            renormalises: renormalises,
            step: try fields.optionalInteger("decoder_sparse_step", in: 1...Limit.layers) ?? 1,
            denseLayers: denseLayers)
    }
}

extension ConfigurationFields {
    /// One token id or a list of them; absent is empty.
    func tokenIDs(_ field: String) throws(EngineError) -> [TokenID] {
        guard let value = self[field] else { return [] }
        var ids: [TokenID] = []
        for element in value.array ?? [value] {
            guard let id = element.integer.flatMap({ TokenID(exactly: $0) }), id >= 0 else {
                throw error(field, "must be a token id or a list of them")
            }
            ids.append(id)
        }
        return ids
    }
}
