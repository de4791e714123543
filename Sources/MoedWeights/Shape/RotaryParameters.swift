import Glibc

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
