import MoedCore

/// The part of a checkpoint's quantisation that its tensors do not show.
///
/// Stands in `config.json` (`quantization_config`, in old files `compression_config`) or in a file beside it.
package struct QuantizationDescription: Sendable, Equatable {
    /// `quant_method`, e.g. `gptq`.
    package private(set) var method: String
    /// The form of GPTQ's zero points; nil for other methods.
    private(set) var zeros: GPTQRows.Zeros?
    /// That of the whole model first, then those of modules that are named; empty when nothing is said.
    private(set) var schemes: [QuantScheme] = []

    /// Files beside `config.json` that may hold the description, with the method of those that name none.
    package static let files = [
        (name: "quantize_config.json", method: "gptq"), (name: "quant_config.json", method: "awq"),
        (name: "hf_quant_config.json", method: "modelopt"),
    ]
    private static let sizeMax = 1 << 20

    /// Finds the description; nil when there is none.
    ///
    /// - Parameter configuration: `config.json`.
    /// - Throws: `EngineError(.badCheckpoint)` for a malformed one, `(.unsupportedModel)` naming what is not read.
    static func find(
        _ configuration: ConfigurationFields, directory: String
    ) throws(EngineError) -> QuantizationDescription? {
        guard configuration["quantization"] == nil else {
            throw unread(configuration, "quantization", "is set, as MLX does")
        }
        for place in [configuration, try configuration.optionalFields("text_config")].compactMap({ $0 }) {
            for field in ["quantization_config", "compression_config"] {
                guard let fields = try place.optionalFields(field) else { continue }
                let fallback = field == "compression_config" ? "compressed-tensors" : nil
                return try QuantizationDescription(fields, method: fallback)
            }
        }
        for (name, method) in files {
            let path = "\(directory)/\(name)"
            guard let object = try WeightFile.object(at: path, limit: sizeMax) else { continue }
            let fields = ConfigurationFields(path: path, object: object)
            return try QuantizationDescription(fields.optionalFields("quantization") ?? fields, method: method)
        }
        return nil
    }

    /// - Parameter fallback: the method of a description without `quant_method`.
    init(_ fields: ConfigurationFields, method fallback: String?) throws(EngineError) {
        guard let method = try fields.optionalString("quant_method") ?? fallback else {
            throw fields.error("quant_method", "is missing")
        }
        self.method = method
        for field in ["rotation", "rotation_config", "transform_config"] {
            guard let value = fields[field], value != false, value.object.map({ !$0.isEmpty }) ?? true else { continue }
            throw Self.unread(fields, field, "rotates activations while the model runs")
        }
        switch method {
        case "fp8": try readFP8(fields)
        case "gptq": try readGPTQ(fields)
        case "awq": try readAWQ(fields)
        case "auto-round", "auto_round", "intel/auto-round": try readAutoRound(fields)
        case "compressed-tensors": try readCompressedTensors(fields)
        case "modelopt": try readModelOpt(fields)
        default: throw Self.unread(fields, "quant_method", "is \(method.prefix(40))")
        }
    }

    fileprivate static func unread(
        _ fields: ConfigurationFields, _ field: String, _ what: String
    ) -> EngineError {
        fields.unsupported(
            field,
            "\(what), which is not read. Take the model's bf16, FP8, GPTQ, AWQ or compressed-tensors files; "
                + "`moed pack` makes them small")
    }

    /// Bits that occur, the usual ones first.
    var bits: [Int] { schemes.compactMap(\.bits).withoutRepeats }

    /// Group sizes that occur, the usual one first; empty when one is left open.
    var groupSizes: [Int] {
        let isOpen = schemes.contains { $0.sharing == nil }
        return isOpen ? [] : schemes.compactMap(\.groupSize).withoutRepeats
    }

    /// All ways of sharing scales that occur; empty when one is left open.
    var sharings: [QuantScheme.Sharing] {
        let known = schemes.compactMap(\.sharing)
        return known.count == schemes.count ? known : []
    }

    /// Members that describe a scheme.
    fileprivate struct SchemeKeys {
        var bits = "bits"
        var group = "group_size"
        var index: String?
    }

    /// Reads the scheme of the whole model, and that of each module that the member `overrides` names.
    fileprivate mutating func readSchemes(
        _ fields: ConfigurationFields, overrides: String?, _ keys: SchemeKeys
    ) throws(EngineError) {
        let usual = try Self.scheme(fields, keys, QuantScheme(bits: nil, groupSize: nil))
        schemes = [usual]
        guard let overrides, let modules = try fields.optionalFields(overrides) else { return }
        for member in modules.object.members {
            // A list or nothing in place of an object says nothing about sizes.
            guard let module = member.value.object, !member.key.utf8.starts(with: "-:".utf8) else { continue }
            let inner = ConfigurationFields(path: "\(modules.path): \(member.key.prefix(100))", object: module)
            let scheme = try Self.scheme(inner, keys, usual)
            // 16 bits and more are plain weights.
            if (scheme.bits ?? 0) < 16, !schemes.contains(scheme) { schemes.append(scheme) }
        }
    }

    private static func scheme(
        _ fields: ConfigurationFields, _ keys: SchemeKeys, _ usual: QuantScheme
    ) throws(EngineError) -> QuantScheme {
        var scheme = usual
        if let bits = try fields.optionalInteger(keys.bits, in: 1...32) { scheme.bits = bits }
        if fields[keys.group]?.array != nil {
            scheme.sharing = try block(fields, keys.group)
        } else if let size = try fields.optionalInteger(keys.group, in: -1...(1 << 20)) {
            scheme.sharing = QuantScheme(bits: nil, groupSize: size).sharing
        }
        if let index = keys.index, let flag = try fields.optionalBool(index) { scheme.isIndexed = flag }
        return scheme
    }
}

extension Array where Element: Equatable {
    fileprivate var withoutRepeats: [Element] {
        reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}

// MARK: The methods

extension QuantizationDescription {
    private mutating func readFP8(_ fields: ConfigurationFields) throws(EngineError) {
        if let format = try fields.optionalString("fmt"), !["e4m3", "float8_e4m3fn", "e4m3fn"].contains(format) {
            throw Self.unread(fields, "fmt", "is \(format.prefix(40))")
        }
        if let block = try Self.block(fields, "weight_block_size") {
            schemes = [QuantScheme(bits: 8, sharing: block)]
        }
    }

    private static func block(
        _ fields: ConfigurationFields, _ field: String
    ) throws(EngineError) -> QuantScheme.Sharing? {
        guard let value = fields[field] else { return nil }
        let sizes = value.array?.compactMap(\.integer) ?? []
        guard sizes.count == 2, sizes.allSatisfy({ (1...(1 << 20)).contains($0) }) else {
            throw fields.error(field, "must be a list of two sizes")
        }
        return .block(rows: sizes[0], columns: sizes[1])
    }

    private mutating func readGPTQ(_ fields: ConfigurationFields) throws(EngineError) {
        if try fields.optionalBool("is_marlin_format") == true {
            throw Self.unread(fields, "is_marlin_format", "is true: the codes are in Marlin's order")
        }
        let field = fields["checkpoint_format"] != nil ? "checkpoint_format" : "format"
        let format = try fields.optionalString(field) ?? "gptq"
        switch format {
        case "gptq": zeros = .decremented
        case "gptq_v2": zeros = .plain
        default: throw Self.unread(fields, field, "is \(format.prefix(40))")
        }
        try readSchemes(fields, overrides: "dynamic", SchemeKeys(index: "desc_act"))
    }

    private mutating func readAWQ(_ fields: ConfigurationFields) throws(EngineError) {
        for field in ["version", "checkpoint_format", "format"] {
            guard let version = try fields.optionalString(field), version.lowercased() != "gemm" else { continue }
            throw Self.unread(fields, field, "is \(version.prefix(40)), another layout than gemm")
        }
        let isOld = fields["bits"] == nil
        let keys = isOld ? SchemeKeys(bits: "w_bit", group: "q_group_size") : SchemeKeys()
        try readSchemes(fields, overrides: nil, keys)
        guard bits.allSatisfy({ $0 == 4 }) else { throw Self.unread(fields, keys.bits, "is \(bits[0])") }
    }

    private mutating func readAutoRound(_ fields: ConfigurationFields) throws(EngineError) {
        let field = fields["packing_format"] != nil ? "packing_format" : "backend"
        let format = try fields.optionalString(field) ?? "auto_round"
        switch format {
        case "auto_round:auto_gptq", "auto_gptq", "auto_round:gptq": zeros = .decremented
        case "auto_round", "auto_round:gptqmodel", "gptqmodel": zeros = .plain
        case "auto_round:auto_awq", "auto_awq", "auto_round:awq", "auto_round:llm_compressor", "llm_compressor",
            "auto_round:fp8_static", "fp8_static", "auto_round:fp8":
            zeros = nil
        default: throw Self.unread(fields, field, "is \(format.prefix(60))")
        }
        let kind = try fields.optionalString("data_type") ?? "int"
        if kind.utf8.starts(with: "mx_int".utf8) || kind.utf8.starts(with: "nvfp4_v2".utf8) {
            throw Self.unread(fields, "data_type", "is \(kind.prefix(40))")
        }
        try readSchemes(fields, overrides: "extra_config", SchemeKeys())
    }

    private static let compressedFormats = [
        "pack-quantized", "int-quantized", "float-quantized", "naive-quantized", "nvfp4-pack-quantized",
        "mxfp4-pack-quantized", "mxfp8-quantized", "mixed-precision", "dense",
    ]

    private mutating func readCompressedTensors(_ fields: ConfigurationFields) throws(EngineError) {
        if let status = try fields.optionalString("quantization_status"), status != "compressed" {
            throw Self.unread(fields, "quantization_status", "is \(status.prefix(40)), not compressed")
        }
        try Self.check(fields)
        if let sparsity = try fields.optionalFields("sparsity_config"),
            let format = try sparsity.optionalString("format"), format != "dense"
        {
            throw Self.unread(sparsity, "format", "is \(format.prefix(40))")
        }
        guard let groups = try fields.optionalFields("config_groups") else { return }
        for member in groups.object.members {
            if let targets = member.value.array, !targets.isEmpty {
                // The name of a preset in place of a scheme.
                schemes.append(QuantScheme(bits: nil, groupSize: nil))
                continue
            }
            guard let object = member.value.object else {
                throw groups.error("\(member.key.prefix(100))", "must be an object, not \(member.value.kind)")
            }
            let group = ConfigurationFields(path: "\(groups.path): \(member.key.prefix(100))", object: object)
            try Self.check(group)
            guard let weights = try group.optionalFields("weights") else { continue }
            schemes.append(try Self.scheme(compressed: weights))
        }
    }

    private static func scheme(compressed weights: ConfigurationFields) throws(EngineError) -> QuantScheme {
        let size = try weights.optionalInteger("group_size", in: -1...(1 << 20))
        let strategy = try weights.optionalString("strategy")
        var scheme = QuantScheme(bits: try weights.optionalInteger("num_bits", in: 1...32) ?? 8, groupSize: size)
        switch strategy {
        case "block": scheme.sharing = try block(weights, "block_structure")
        case "channel": scheme.sharing = .row
        case "tensor": scheme.sharing = .matrix
        case "group", "tensor_group": break
        case nil: if size == nil { scheme.sharing = try block(weights, "block_structure") ?? .matrix }
        case let other?: throw unread(weights, "strategy", "is \(other.prefix(40))")
        }
        scheme.isSymmetric = try weights.optionalBool("symmetric") ?? true
        if let order = weights["actorder"] { scheme.isIndexed = [true, "group", "dynamic"].contains(order) }
        return scheme
    }

    private static func check(_ fields: ConfigurationFields) throws(EngineError) {
        guard let format = try fields.optionalString("format") else { return }
        guard compressedFormats.contains(format) else {
            throw unread(fields, "format", "is \(format.prefix(40))")
        }
    }

    private mutating func readModelOpt(_ fields: ConfigurationFields) throws(EngineError) {
        let algorithm = try fields.optionalString("quant_algo") ?? "unnamed"
        guard ["FP8", "NVFP4", "FP8_PB_WO", "FP8_PER_CHANNEL_PER_TOKEN"].contains(algorithm) else {
            throw Self.unread(fields, "quant_algo", "is \(algorithm.prefix(40))")
        }
    }
}
