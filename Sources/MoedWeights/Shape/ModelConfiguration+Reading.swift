package import MoedCore

extension ModelConfiguration {
    static let byteCountMax = 1 << 20

    /// Reads `config.json` as transformers does, member by member.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` for missing, malformed or contradicting fields and
    ///   `EngineError(.unsupportedModel)` for what this engine cannot run; both name the field.
    package init(path: String) throws(EngineError) { try self.init(Self.fields(at: path)) }

    /// The members of a `config.json`.
    static func fields(at path: String) throws(EngineError) -> ConfigurationFields {
        guard let object = try WeightFile.object(at: path, limit: Self.byteCountMax) else {
            let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            let hint = DirectoryContents.hint(directory.joined(separator: "/"), missing: "config.json")
            throw EngineError(.badCheckpoint, "\(path) is missing\(hint)")
        }
        return ConfigurationFields(path: path, object: object)
    }

    init(_ file: ConfigurationFields) throws(EngineError) {
        let fields = try file.textPart ?? file
        architecture = try Self.architecture(fields)
        try Self.refuseUnsupported(fields)
        var defaulted = DefaultedFields(fields)
        vocabulary = try fields.integer("vocab_size", in: 1...Limit.vocabulary)
        hidden = try fields.integer("hidden_size", in: 1...Limit.hidden)
        layers = try fields.integer("num_hidden_layers", in: 1...Limit.layers)
        heads = try fields.integer("num_attention_heads", in: 1...Limit.heads)
        keyValueHeads = try Self.keyValueHeads(fields, architecture, heads: heads)
        headDim = try Self.headDim(fields, architecture, hidden: hidden, heads: heads)
        normEpsilon = Float(try defaulted.number("rms_norm_eps", in: 1e-12...0.1, default: 1e-6))
        contextLength = try defaulted.integer(
            "max_position_embeddings", in: 1...Limit.contextLength, default: 32_768)
        let rotation = try RotaryParameters.reading(fields, contextLength: contextLength)
        rotary = rotation.parameters
        if rotation.hasDefaultBase { defaulted.note("rope_theta", default: rotary.base) }
        if let yarn = rotary.yarn {
            let extended = (yarn.factor * Double(yarn.originalContextLength)).rounded(.down)
            contextLength = max(contextLength, Int(min(extended, Double(Limit.contextLength))))
        }
        tiedEmbeddings = try fields.optionalBool("tie_word_embeddings") ?? false
        eosTokenIDs = try fields.tokenIDs("eos_token_id")
        experts = nil
        if architecture == .mixtureOfExperts { experts = try Self.experts(&defaulted, layers: layers) }
        if let experts, experts.step == 1, experts.denseLayers.isEmpty {
            intermediate = try fields.optionalInteger("intermediate_size", in: 1...Limit.intermediate) ?? 6144
        } else {
            intermediate = try fields.integer("intermediate_size", in: 1...Limit.intermediate)
        }
        remarks = try ConfigurationKeys.check(fields) + rotation.remarks + [defaulted.remark].compactMap { $0 }
    }

    /// `model_type` decides, as in transformers; `architectures` must agree.
    private static func architecture(_ fields: ConfigurationFields) throws(EngineError) -> Architecture {
        var byType: Architecture?
        if let type = try fields.optionalString("model_type") {
            guard let known = Architecture(modelType: type) else {
                throw fields.unsupported("model_type", "is \(type.prefix(80)); qwen3 and qwen3_moe are supported")
            }
            byType = known
        }
        guard let value = fields["architectures"] else {
            guard let byType else { throw fields.error("architectures", "is missing, and so is model_type") }
            return byType
        }
        guard let names = value.array, names.count == 1, let name = names[0].string else {
            throw fields.error("architectures", "must be a list of one name")
        }
        guard let architecture = Architecture(rawValue: name) ?? Architecture(baseName: name) else {
            throw fields.unsupported(
                "architectures",
                "names \(name.prefix(80)); Qwen3ForCausalLM and Qwen3MoeForCausalLM are supported")
        }
        guard byType == nil || byType == architecture else {
            throw fields.error("architectures", "names \(name), but model_type is \(byType?.modelType ?? "")")
        }
        return architecture
    }

    /// As transformers has it: absent is the architecture's default, null the number of heads.
    private static func keyValueHeads(
        _ fields: ConfigurationFields, _ architecture: Architecture, heads: Int
    ) throws(EngineError) -> Int {
        let isAbsent = fields.object["num_key_value_heads"] == nil
        let fallback = isAbsent ? (architecture == .dense ? 32 : 4) : heads
        let count = try fields.optionalInteger("num_key_value_heads", in: 1...Limit.heads) ?? fallback
        guard heads % count == 0 else {
            throw fields.error(
                "num_key_value_heads",
                "is \(isAbsent ? "missing; transformers' default " : "")\(count), which does not divide \(heads) heads")
        }
        return count
    }

    /// As transformers has it: absent is 128 in dense models, and follows from the hidden size in others.
    private static func headDim(
        _ fields: ConfigurationFields, _ architecture: Architecture, hidden: Int, heads: Int
    ) throws(EngineError) -> Int {
        var headDim = try fields.optionalInteger("head_dim", in: 2...Limit.headDim)
        if headDim == nil, architecture == .dense, fields.object["head_dim"] == nil { headDim = 128 }
        if headDim == nil {
            guard hidden % heads == 0, (2...Limit.headDim).contains(hidden / heads) else {
                throw fields.error(
                    "head_dim", "is missing, and hidden_size \(hidden) / \(heads) heads gives none")
            }
            headDim = hidden / heads
        }
        guard let headDim, headDim % 2 == 0 else {
            throw fields.error("head_dim", "is \(headDim ?? 0), but rotation needs pairs")
        }
        return headDim
    }

    /// Features that would change the result and that this engine does not have.
    private static func refuseUnsupported(_ fields: ConfigurationFields) throws(EngineError) {
        if fields["dual_chunk_attention_config"] != nil {
            throw fields.unsupported(
                "dual_chunk_attention_config",
                "is set: dual chunk attention is not supported. Take the config.json of the trained context length "
                    + "(max_position_embeddings without this member)")
        }
        if let value = fields["layer_types"] {
            guard let kinds = value.array else {
                throw fields.error("layer_types", "must be a list, not \(value.kind)")
            }
            guard kinds.allSatisfy({ ["full_attention", "attention"].contains($0) }) else {
                throw fields.unsupported("layer_types", "has other than full_attention layers")
            }
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

    private static func experts(_ defaulted: inout DefaultedFields, layers: Int) throws(EngineError) -> Experts {
        let fields = defaulted.fields
        // transformers from 5.2 on writes num_local_experts; where both are there it reads that one.
        let newer = try fields.optionalInteger("num_local_experts", in: 1...Limit.experts)
        let older = try fields.optionalInteger("num_experts", in: 1...Limit.experts)
        guard let count = newer ?? older else {
            throw fields.error("num_experts", "is missing, and so is num_local_experts")
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
        let perToken = try defaulted.integer("num_experts_per_tok", in: 1...Limit.experts, default: 8)
        guard perToken <= count else {
            throw fields.error("num_experts_per_tok", "is \(perToken), but there are \(count) experts")
        }
        return Experts(
            count: count, perToken: perToken,
            intermediate: try fields.integer("moe_intermediate_size", in: 1...Limit.intermediate),
            renormalises: try defaulted.bool("norm_topk_prob", default: false),
            step: try fields.optionalInteger("decoder_sparse_step", in: 1...Limit.layers) ?? 1,
            denseLayers: denseLayers)
    }
}

extension ModelConfiguration.Architecture {
    /// The architecture's name in `model_type`.
    var modelType: String { self == .dense ? "qwen3" : "qwen3_moe" }

    /// The name of the model without its output matrix.
    fileprivate init?(baseName: String) {
        switch baseName {
        case "Qwen3Model": self = .dense
        case "Qwen3MoeModel": self = .mixtureOfExperts
        default: return nil
        }
    }

    fileprivate init?(modelType: String) {
        switch modelType {
        case "qwen3", "qwen3_vl_text": self = .dense
        case "qwen3_moe", "qwen3_vl_moe_text": self = .mixtureOfExperts
        default: return nil
        }
    }
}

extension ConfigurationFields {
    /// `text_config` of a model with other parts, if its text part is a Qwen3 model; nil otherwise.
    fileprivate var textPart: ConfigurationFields? {
        get throws(EngineError) {
            guard let inner = try optionalFields("text_config"), let type = try inner.optionalString("model_type"),
                ModelConfiguration.Architecture(modelType: type) != nil
            else { return nil }
            var object = inner.object
            // The whole model's head and end of text.
            for field in ["tie_word_embeddings", "eos_token_id"] {
                if let value = self[field] { object[field] = value }
            }
            return ConfigurationFields(path: inner.path, object: object)
        }
    }

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
