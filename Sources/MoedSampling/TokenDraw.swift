import MoedCore

/// Draws one token at random from the tokens that top-k, top-p and min-p keep.
///
/// Weights are summed best first. Sorted, each of top-k, top-p and min-p keeps a prefix, so together they keep the
/// shortest.
///
/// Most draws end among the best few tokens. A whole sort is needed only when those do not decide the draw.
struct TokenDraw {
    /// Number of tokens that a draw looks at first.
    private static let first = 256

    private let topK: Int
    private let topP: Double
    private let minP: Double
    private let temperature: Double
    /// A random number in [0, 1).
    private let uniform: Double

    init(_ parameters: SamplingParameters, uniform: Double) {
        topK = parameters.topK
        topP = parameters.topP
        minP = parameters.minP
        temperature = parameters.temperature
        self.uniform = uniform
    }

    func token(_ logits: Span<Float>) -> TokenID {
        let limit = topK > 0 ? min(topK, logits.count) : logits.count
        let best = TopCandidates.best(min(limit, Self.first), of: logits)
        guard let top = best.first else { return 0 }
        guard top.logit.isFinite else { return top.id }
        let weights = weights(best, top: top.logit)
        if best.count < Self.first || limit == best.count { return exact(best, weights) }
        // All other tokens are candidates too. Their sum without an order bounds the one in order.
        if limit == logits.count {
            let sum = LogitScan.sumOfExponentials(logits, top: top.logit, temperature: temperature)
            let error = sum * LogitScan.sumError
            if let token = decided(best, weights, sum: (sum - error)...(sum + error)) { return token }
        } else if minP > 0, topP >= 1, let end = weights.firstIndex(where: { $0 < minP }), end > 0 {
            return drawn(best, weights[..<end])
        }
        let all = TopCandidates.best(limit, of: logits)
        return exact(all, self.weights(all, top: top.logit))
    }

    /// Weights relative to the best token's, which is 1.
    private func weights(_ candidates: [Candidate], top: Float) -> [Double] {
        candidates.map { PortableMath.exponential((Double($0.logit) - Double(top)) / temperature) }
    }

    /// Draws from all candidates, best first.
    private func exact(_ candidates: [Candidate], _ weights: [Double]) -> TokenID {
        var kept = weights.count
        if topP < 1 { kept = prefix(weights, reaching: topP * weights.reduce(0, +)) ?? weights.count }
        return drawn(candidates, weights[..<min(kept, prefixByMinP(weights))])
    }

    /// The drawn token if the best candidates decide it for every possible sum of all weights; nil otherwise.
    private func decided(_ best: [Candidate], _ weights: [Double], sum: ClosedRange<Double>) -> TokenID? {
        let byMinP = prefixByMinP(weights)
        let isCutByMinP = byMinP < weights.count
        if topP < 1 {
            let low = prefix(weights, reaching: topP * sum.lowerBound) ?? Int.max
            let high = prefix(weights, reaching: topP * sum.upperBound) ?? Int.max
            if isCutByMinP, byMinP <= low { return drawn(best, weights[..<byMinP]) }
            guard low == high, low < Int.max else { return nil }
            return drawn(best, weights[..<min(low, byMinP)])
        }
        if isCutByMinP { return drawn(best, weights[..<byMinP]) }
        // Min-p keeps more tokens than these, and the draw is among all that it keeps.
        guard minP <= 0, let low = place(weights, target: uniform * sum.lowerBound),
            low == place(weights, target: uniform * sum.upperBound)
        else { return nil }
        return best[low].id
    }

    /// Number of best tokens whose weights together reach `reach`; nil when all do not.
    private func prefix(_ weights: [Double], reaching reach: Double) -> Int? {
        var sum = 0.0
        for index in weights.indices {
            sum += weights[index]
            if sum >= reach { return index + 1 }
        }
        return nil
    }

    /// Number of best tokens that min-p keeps, at least 1.
    private func prefixByMinP(_ weights: [Double]) -> Int {
        guard minP > 0 else { return weights.count }
        return max(1, weights.firstIndex { $0 < minP } ?? weights.count)
    }

    /// Index of the first token whose weight, together with all better ones', is above `target`; nil when none is.
    private func place(_ weights: some Collection<Double>, target: Double) -> Int? {
        var sum = 0.0
        for (index, weight) in weights.enumerated() {
            sum += weight
            if sum > target { return index }
        }
        return nil
    }

    private func drawn(_ candidates: [Candidate], _ weights: ArraySlice<Double>) -> TokenID {
        if let place = place(weights, target: uniform * weights.reduce(0, +)) { return candidates[place].id }
        // Reached by rounding only: the last token that can be drawn at all.
        return candidates[max(0, weights.lastIndex { $0 > 0 } ?? 0)].id
    }
}
