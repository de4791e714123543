package import MoedCore

/// Chooses the next token from a row of logits: a pure function of logits, parameters, history and position.
package enum Sampler {
    /// - Parameters:
    ///   - logits: one per token that may be chosen; penalties are applied to it in place.
    ///   - history: tokens seen so far; looked at only when a penalty is on.
    ///   - position: of the token to choose, counted from the first token of the prompt.
    package static func sample(
        _ logits: inout MutableSpan<Float>, _ parameters: SamplingParameters, history: TokenHistory,
        choice: Int,
        position: Int
    ) -> TokenID {
        history.penalise(&logits, parameters)
        guard parameters.temperature > 0 else { return greedy(logits.span) }
        return draw(
            from: support(logits.span, parameters), parameters,
            uniform: Philox.uniform(seed: parameters.seed, choice: choice, position: position))
    }

    /// The highest logit, ties by lower id; 0 when none is a number.
    package static func greedy(_ logits: Span<Float>) -> TokenID {
        var best = -Float.infinity
        var id = 0
        var start = 0
        while let index = LogitScan.first(above: best, in: logits, from: start) {
            best = logits[index]
            id = index
            start = index + 1
        }
        return TokenID(id)
    }

    /// Tokens that may be drawn, best first, with weights proportional to their probabilities.
    ///
    /// Sorted, each of top-k, top-p and min-p keeps a prefix, so together they keep the shortest.
    private static func support(
        _ logits: Span<Float>, _ parameters: SamplingParameters
    ) -> [(id: TokenID, weight: Double)] {
        let limited = parameters.topK > 0 ? min(parameters.topK, logits.count) : logits.count
        let candidates = TopCandidates.best(limited, of: logits)
        guard let top = candidates.first else { return [(0, 1)] }
        guard top.logit.isFinite else { return [(top.id, 1)] }
        let weights = candidates.map {
            PortableMath.exponential((Double($0.logit) - Double(top.logit)) / parameters.temperature)
        }
        var kept = weights.count
        if parameters.topP < 1 {
            let reach = parameters.topP * weights.reduce(0, +)
            var sum = 0.0
            kept =
                1
                + (weights.firstIndex {
                    sum += $0
                    return sum >= reach
                } ?? weights.count - 1)
        }
        if parameters.minP > 0 {
            // The best token's weight is 1.
            kept = min(kept, max(1, weights.firstIndex { $0 < parameters.minP } ?? weights.count))
        }
        return (0..<kept).map { (candidates[$0].id, weights[$0]) }
    }

    private static func draw(
        from support: [(id: TokenID, weight: Double)], _ parameters: SamplingParameters, uniform: Double
    ) -> TokenID {
        let target = uniform * support.reduce(0) { $0 + $1.weight }
        var sum = 0.0
        for (id, weight) in support {
            sum += weight
            if sum > target { return id }
        }
        // Reached by rounding only: the last token that can be drawn at all.
        return support.last { $0.weight > 0 }?.id ?? support[0].id
    }
}
