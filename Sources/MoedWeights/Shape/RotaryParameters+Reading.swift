import Glibc
import MoedCore

extension RotaryParameters {
    /// transformers' base where the file names none.
    static let baseDefault = 10_000.0
    private static let bases = 1.000001...1e12

    /// The rotation as transformers reads it, and remarks about what it passes over.
    struct Reading {
        var parameters: RotaryParameters
        var remarks: [String] = []
        /// True when the base is transformers' default.
        var hasDefaultBase = false
    }

    /// Reads `rope_scaling`, or else `rope_parameters`. The base is the one inside, or else `rope_theta` beside it, or
    /// else the default.
    ///
    /// - Parameter contextLength: `max_position_embeddings`.
    static func reading(_ fields: ConfigurationFields, contextLength: Int) throws(EngineError) -> Reading {
        let older = try object("rope_scaling", fields)
        let newer = try object("rope_parameters", fields)
        let inner = try (older ?? newer)?.optionalNumber("rope_theta", in: bases)
        let outer = try fields.optionalNumber("rope_theta", in: bases)
        let base = inner ?? outer ?? baseDefault
        var reading = Reading(
            parameters: RotaryParameters(base: base), hasDefaultBase: inner == nil && outer == nil)
        if older != nil, let newer {
            // transformers drops the base of the object that it passes over: nobody can have meant that.
            if let other = try newer.optionalNumber("rope_theta", in: bases), other != base {
                throw fields.error(
                    "rope_scaling",
                    "and rope_parameters are both there: transformers reads rope_scaling with the base \(base) and "
                        + "passes over rope_theta \(other) of rope_parameters. Leave one of the two objects")
            }
            reading.remarks.append("config.json: rope_scaling is read and rope_parameters is not, as in transformers")
        } else if let inner, let outer, inner != outer {
            reading.remarks.append(
                "config.json: rope_theta \(inner) of \(older == nil ? "rope_parameters" : "rope_scaling") is read, "
                    + "rope_theta \(outer) beside it is not")
        }
        for place in [older ?? newer, fields].compactMap({ $0 }) {
            if let part = try place.optionalNumber("partial_rotary_factor", in: 0...1), part != 1 {
                throw place.unsupported("partial_rotary_factor", "is \(part): only whole heads are rotated")
            }
        }
        guard let scaling = older ?? newer else { return reading }
        try readKind(scaling, fields, contextLength, into: &reading)
        return reading
    }

    /// An object of `config.json`; an empty one counts as absent.
    private static func object(_ name: String, _ fields: ConfigurationFields) throws(EngineError)
        -> ConfigurationFields?
    {
        guard let object = try fields.optionalFields(name), !object.object.isEmpty else { return nil }
        return object
    }

    private static func readKind(
        _ scaling: ConfigurationFields, _ fields: ConfigurationFields, _ contextLength: Int,
        into reading: inout Reading
    ) throws(EngineError) {
        var kind = try scaling.optionalString("rope_type")
        if kind == nil { kind = try scaling.optionalString("type") }
        switch kind ?? "default" {
        case "default":
            // Sections have positions of their own for images; a text's are the same in all of them.
            try refuseOthers(than: commonKeys + ["mrope_section", "mrope_interleaved"], in: scaling, kind: "default")
        case "yarn":
            if let factor = scaling["attn_factor"], factor.number != 1 {
                throw scaling.unsupported(
                    "attn_factor",
                    "is \(factor.shortest): transformers passes over it and vLLM multiplies by it. Remove it for "
                        + "transformers' reading, or write the product as attention_factor")
            }
            try refuseOthers(than: commonKeys + yarnKeys, in: scaling, kind: "yarn")
            reading.parameters.yarn = try yarn(scaling, fields, contextLength, &reading.remarks)
        case let other:
            throw scaling.unsupported(
                "rope_type", "\"\(other.prefix(40))\" is not supported (default and yarn are)")
        }
    }

    private static let commonKeys = [
        "rope_type", "type", "rope_theta", "partial_rotary_factor", "original_max_position_embeddings", "finetuned",
    ]
    private static let yarnKeys = [
        "factor", "attention_factor", "attn_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate",
    ]

    private static func refuseOthers(
        than keys: [String], in scaling: ConfigurationFields, kind: String
    ) throws(EngineError) {
        for member in scaling.object.members where member.value != .null && !keys.contains(member.key) {
            throw scaling.unsupported(
                "\(member.key.prefix(100))",
                "(\(member.value.serialized(.spaced).prefix(60))) is not read with rope_type \"\(kind)\". "
                    + "Name the right rope_type (default or yarn), or remove it")
        }
    }

    private static func yarn(
        _ scaling: ConfigurationFields, _ fields: ConfigurationFields, _ contextLength: Int,
        _ remarks: inout [String]
    ) throws(EngineError) -> YaRN {
        let lengths = 1...ModelConfiguration.Limit.contextLength
        let key = "original_max_position_embeddings"
        let inner = try scaling.optionalInteger(key, in: lengths)
        let outer = try fields.optionalInteger(key, in: lengths)
        if let inner, let outer, inner != outer {
            remarks.append(
                "config.json: \(key) \(outer) is read, \(inner) of the rope object is not, as in transformers")
        }
        let original = outer ?? inner ?? contextLength
        guard scaling.object["factor"] != nil else { throw scaling.error("factor", "is missing") }
        let factors = 1.0 / 1024...1024
        let factor = try scaling.optionalNumber("factor", in: factors) ?? Double(contextLength) / Double(original)
        guard factors.contains(factor) else { throw scaling.error("factor", "is null, and \(factor) follows") }
        let scale = try scaling.optionalNumber("mscale", in: 0...100) ?? 0
        let scaleAllDimensions = try scaling.optionalNumber("mscale_all_dim", in: 0...100) ?? 0
        func temperature(_ scale: Double) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1 }
        var attentionFactor = temperature(1)
        if scale > 0, scaleAllDimensions > 0 {
            attentionFactor = temperature(scale) / temperature(scaleAllDimensions)
        }
        if let given = try scaling.optionalNumber("attention_factor", in: 0...100) { attentionFactor = given }
        // The reference takes 0 for absent in both.
        let fast = try scaling.optionalNumber("beta_fast", in: 0...1e6) ?? 0
        let slow = try scaling.optionalNumber("beta_slow", in: 0...1e6) ?? 0
        // The reference takes null for false here.
        let truncates = try scaling.optionalBool("truncate") ?? (scaling.object["truncate"] == nil)
        return YaRN(
            factor: factor, originalContextLength: original, betaFast: fast == 0 ? 32 : fast,
            betaSlow: slow == 0 ? 1 : slow, attentionFactor: attentionFactor, truncates: truncates)
    }
}
