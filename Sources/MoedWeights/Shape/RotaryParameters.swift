import Glibc
import MoedCore

/// Frequencies of the rotary position embedding, fixed when the model is loaded.
package struct RotaryParameters: Sendable, Equatable {
    /// YaRN (Peng et al., 2023): how positions beyond the trained range are squeezed into it.
    package struct YaRN: Sendable, Equatable {
        package var factor: Double
        package var originalContextLength: Int
        package var betaFast: Double
        package var betaSlow: Double
        /// Multiplies cosine and sine: a temperature on the attention scores.
        package var attentionFactor: Double
        /// True rounds the ramp's ends to whole dimensions.
        package var truncates: Bool
    }

    package var base: Double
    package var yarn: YaRN?

    /// Multiplier of cosine and sine.
    package var attentionFactor: Double { yarn?.attentionFactor ?? 1 }

    /// Radians per position for each pair of dimensions, `[headDim / 2]`, rounded to f32 as the reference
    /// keeps them.
    package func inverseFrequencies(headDim: Int) -> [Float] {
        let half = headDim / 2
        guard let yarn else {
            return (0..<half).map { Float(1 / pow(base, Double(2 * $0) / Double(headDim))) }
        }
        // The dimension that turns `rotations` times within the trained context.
        func dimension(turning rotations: Double) -> Double {
            Double(headDim) * log(Double(yarn.originalContextLength) / (rotations * 2 * .pi))
                / (2 * log(base))
        }
        var low = dimension(turning: yarn.betaFast)
        var high = dimension(turning: yarn.betaSlow)
        if yarn.truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        low = max(low, 0)
        high = min(high, Double(headDim - 1))
        let width = high == low ? 0.001 : high - low
        return (0..<half).map { index in
            let frequency = pow(base, Double(2 * index) / Double(headDim))
            let ramp = min(max((Double(index) - low) / width, 0), 1)
            return Float((1 - ramp) / frequency + ramp / (yarn.factor * frequency))
        }
    }
}

extension RotaryParameters {
    /// Reads either spelling: `rope_theta` with `rope_scaling`, or `rope_parameters` with both inside.
    init(_ fields: ConfigurationFields, contextLength: Int) throws(EngineError) {
        let newer = try fields.optionalFields("rope_parameters")
        let scaling: ConfigurationFields?
        if let newer { scaling = newer } else { scaling = try fields.optionalFields("rope_scaling") }
        let bases = 1.000001...1e12
        var base = try newer?.optionalNumber("rope_theta", in: bases)
        if base == nil { base = try fields.optionalNumber("rope_theta", in: bases) }
        guard let base else { throw fields.error("rope_theta", "is missing") }
        self.base = base
        guard let scaling else { return }
        if let part = try scaling.optionalNumber("partial_rotary_factor", in: 0...1), part != 1 {
            throw scaling.unsupported("partial_rotary_factor", "is \(part): only whole heads are rotated")
        }
        var kind = try scaling.optionalString("rope_type")
        if kind == nil { kind = try scaling.optionalString("type") }
        switch kind ?? "default" {
        case "default": break
        case "yarn": yarn = try Self.yarn(scaling, contextLength)
        case let other:
            throw scaling.unsupported("rope_type", "\"\(other)\" is not supported (default and yarn are)")
        }
    }

    private static func yarn(_ fields: ConfigurationFields, _ contextLength: Int) throws(EngineError) -> YaRN
    {
        let factor = try fields.number("factor", in: 1...1024)
        let range = 1...ModelConfiguration.Limit.contextLength
        let original = try fields.optionalInteger("original_max_position_embeddings", in: range)
        let scale = try fields.optionalNumber("mscale", in: 0...100)
        let scaleAllDimensions = try fields.optionalNumber("mscale_all_dim", in: 0...100)
        func temperature(_ scale: Double) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1 }
        var attentionFactor = temperature(1)
        if let scale, let scaleAllDimensions, scale > 0, scaleAllDimensions > 0 {
            attentionFactor = temperature(scale) / temperature(scaleAllDimensions)
        }
        if let given = try fields.optionalNumber("attention_factor", in: 0...100) { attentionFactor = given }
        // The reference takes 0 for absent in both.
        let fast = try fields.optionalNumber("beta_fast", in: 0...1e6) ?? 0
        let slow = try fields.optionalNumber("beta_slow", in: 0...1e6) ?? 0
        return YaRN(
            factor: factor, originalContextLength: original ?? contextLength, betaFast: fast == 0 ? 32 : fast,
            betaSlow: slow == 0 ? 1 : slow, attentionFactor: attentionFactor,
            truncates: try fields.optionalBool("truncate") ?? true)
    }
}
