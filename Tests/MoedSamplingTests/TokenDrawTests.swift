import MoedCore
import MoedSampling
import Testing

/// Draws over a whole vocabulary: the shortcuts give the token that a full sort gives.
@Suite struct TokenDrawTests {
    /// The definition: all tokens sorted, weights summed best first, filters one after the other.
    private func reference(_ logits: [Float], _ parameters: SamplingParameters, position: Int) -> Int {
        let sorted = logits.indices.filter { !logits[$0].isNaN }
            .sorted { logits[$0] > logits[$1] || (logits[$0] == logits[$1] && $0 < $1) }
            .prefix(parameters.topK > 0 ? parameters.topK : logits.count)
        let top = logits[sorted[0]]
        if !top.isFinite { return sorted[0] }
        let weights = sorted.map {
            PortableMath.exponential((Double(logits[$0]) - Double(top)) / parameters.temperature)
        }
        var kept = weights.count
        if parameters.topP < 1 {
            let reach = parameters.topP * weights.reduce(0, +)
            var sum = 0.0
            kept = (weights.firstIndex { sum += $0; return sum >= reach } ?? weights.count - 1) + 1
        }
        if parameters.minP > 0 { kept = min(kept, max(1, weights.firstIndex { $0 < parameters.minP } ?? kept)) }
        let target =
            Philox.uniform(seed: parameters.seed, choice: 0, position: position) * weights[..<kept].reduce(0, +)
        var sum = 0.0
        let place = weights[..<kept].firstIndex { sum += $0; return sum > target }
        return sorted[place ?? weights[..<kept].lastIndex { $0 > 0 } ?? 0]
    }

    /// Logits of several shapes: peaked, flat, with ties, with values that are no numbers or infinite.
    private func logits(_ shape: Int, _ random: inout SplitMix) -> [Float] {
        let count = [700, 3000, 5000][shape % 3]
        var logits = (0..<count).map { _ -> Float in
            let width: Float = [0.01, 3, 12, 40][shape % 4]
            return Float.random(in: -width...width, using: &random)
        }
        if shape % 5 == 0 { logits = logits.map { ($0 * 2).rounded() / 2 } }
        if shape % 7 == 0 {
            for index in stride(from: 0, to: count, by: 9) { logits[index] = .nan }
            for index in stride(from: 1, to: count, by: 5) { logits[index] = -.infinity }
        }
        if shape % 3 == 0 { for index in 0..<3 { logits[index * 31] = 45 - Float(index) } }
        return logits
    }

    @Test func everyFilterDrawsWhatAFullSortDraws() {
        var random = SplitMix(seed: 17)
        for shape in 0..<24 {
            let logits = logits(shape, &random)
            for topK in [0, 1, 200, 256, 257, 400, 100_000] {
                for (topP, minP) in [(1, 0), (0.95, 0), (0.5, 0), (1, 0.01), (1, 1e-9), (0.999, 0.0001), (0.9999999, 0)] {
                    let temperature = [0.1, 0.7, 1, 3][(shape + topK) % 4]
                    let parameters = SamplingParameters(
                        temperature: temperature, topK: topK, topP: topP, minP: minP, seed: UInt64(shape))
                    var row = logits
                    var span = row.mutableSpan
                    let token = Sampler.sample(
                        &span, parameters, history: TokenHistory(), choice: 0, position: topK + 1)
                    #expect(
                        Int(token) == reference(logits, parameters, position: topK + 1),
                        "shape \(shape), \(parameters)")
                }
            }
        }
    }
}
