import MoedCore
import MoedWeights

/// The members of `adapter_config.json` that decide what an adapter adds to its base.
struct AdapterConfiguration: Sendable {
    static let fileName = "adapter_config.json"
    private static let byteCountMax = 16 << 20
    private static let rankMax = 65_536

    /// Name of the base as its trainer wrote it; for messages.
    let base: String?
    private let alpha: Double
    /// Values for modules whose name ends with the key; the first that matches counts.
    private let alphas: [(key: String, value: Double)]
    private let dividesByRoot: Bool
    /// True for a PEFT that reads fused experts as [experts, inputs, outputs]; nil when the file does not tell.
    let readsExpertsTransposed: Bool?

    /// - Throws: `EngineError(.badCheckpoint)` for a damaged file, `(.unsupportedModel)` for another kind of adapter,
    ///   naming the member.
    init(directory: String) throws(EngineError) {
        let path = "\(directory)/\(Self.fileName)"
        guard let object = try WeightFile.object(at: path, limit: Self.byteCountMax) else {
            let model = WeightFile.exists("\(directory)/config.json") ? "; the directory holds a model" : ""
            throw EngineError(
                .badCheckpoint,
                "\(path): no such file: \(directory) is no adapter that PEFT's save_pretrained() wrote\(model)")
        }
        let fields = ConfigurationFields(path: path, object: object)
        try Self.refuseOthers(fields)
        base = try fields.optionalString("base_model_name_or_path")
        // Older files and files made by hand may lack it: PEFT's own default.
        alpha = try fields.optionalNumber("lora_alpha", in: -1e6...1e6) ?? 8
        _ = try fields.optionalInteger("r", in: 1...Self.rankMax)
        dividesByRoot = try fields.optionalBool("use_rslora") ?? false
        var alphas: [(key: String, value: Double)] = []
        if let pattern = try fields.optionalFields("alpha_pattern") {
            for member in pattern.object.members {
                alphas.append((member.key, try pattern.number(member.key, in: -1e6...1e6)))
            }
        }
        self.alphas = alphas
        for field in ["alpha_pattern", "rank_pattern"] {
            guard let keys = try fields.optionalFields(field)?.object.members.map(\.key) else { continue }
            if let key = keys.first(where: { Self.pattern($0) == nil }) {
                throw fields.error(
                    field, "has the key “\(key.prefix(100))”, which is no regular expression: PEFT compares it with "
                        + "the names of modules")
            }
        }
        let version = try fields.optionalString("peft_version")?.split(separator: ".").prefix(2).map { Int($0) } ?? []
        readsExpertsTransposed = version.count == 2 && version[0] == 0 ? version[1].map { $0 <= 18 } : nil
    }

    /// The factor of B · A for a matrix of this rank.
    ///
    /// - Parameter module: name of the module, as PEFT compares it with the patterns.
    func scale(of module: String, rank: Int) -> Float {
        let alpha = alphas.first { Self.matches($0.key, module) }?.value ?? alpha
        return Float(alpha / (dividesByRoot ? Double(rank).squareRoot() : Double(rank)))
    }

    /// PEFT matches `(.*\.)?(KEY)$`, and a key may be a regular expression; nil for a key that is none.
    private static func pattern(_ key: String) -> Regex<AnyRegexOutput>? { try? Regex("(.*\\.)?(\(key))") }

    private static func matches(_ key: String, _ module: String) -> Bool {
        key == module || (try? pattern(key)?.wholeMatch(in: module)) != nil
    }
}

// MARK: Kinds of adapters that are not read

extension AdapterConfiguration {
    /// Switches and lists that change more than B · A does; each with what it is.
    private static let others: [(field: String, kind: String)] = [
        ("use_dora", "DoRA, which scales each row of the merged matrix"),
        ("modules_to_save", "whole modules beside the low-rank ones"),
        ("trainable_token_indices", "embeddings of single tokens"),
        ("layer_replication", "copies of layers"), ("fan_in_fan_out", "transposed matrices"),
        ("lora_bias", "biases"), ("alora_invocation_tokens", "aLoRA, which begins in the middle of a prompt"),
        ("use_qalora", "QALoRA, which shares inputs by groups"), ("use_bdlora", "block-diagonal factors"),
        ("kasa_config", "KaSA, which changes the base"), ("arrow_config", "Arrow, which chooses among adapters"),
        ("monteclora_config", "MonteCLoRA, which draws factors at random"),
    ]
    /// Beginnings of `init_lora_weights` that change the base too.
    private static let changedBases = ["pissa", "olora", "corda", "loftq", "lora_ga"]
    private static let wayOut =
        "merge it into its base (PEFT: merge_and_unload(), then save_pretrained()) and run that model"

    private static func refuseOthers(_ fields: ConfigurationFields) throws(EngineError) {
        if let type = try fields.optionalString("peft_type"), type != "LORA" {
            throw fields.unsupported("peft_type", "is \(type.prefix(40)); LORA is supported: \(wayOut)")
        }
        for (field, kind) in others {
            guard let value = fields[field], isOn(value) else { continue }
            throw fields.unsupported(field, "is set: the adapter has \(kind). This is not supported: \(wayOut)")
        }
        if let bias = try fields.optionalString("bias"), bias != "none" {
            throw fields.unsupported("bias", "is \(bias.prefix(40)): adapters with biases are not supported: \(wayOut)")
        }
        if case .string(let start)? = fields["init_lora_weights"], changedBases.contains(where: start.hasPrefix) {
            throw fields.unsupported(
                "init_lora_weights", "is \(start.prefix(40)): the adapter belongs to a changed base. Save it with "
                    + "PEFT's path_initial_model_for_weight_conversion, which makes a plain LoRA of it")
        }
    }

    private static func isOn(_ value: JSONValue) -> Bool {
        switch value {
        case .bool(let flag): flag
        case .array(let items): !items.isEmpty
        case .object(let members): members.count > 0
        default: value != .null
        }
    }
}
