import Glibc
package import MoedCore

/// Log-probabilities of tokens, from a row of logits.
package enum LogProbabilities {
    /// - Parameter logits: as the model gives them, all finite.
    package static func report(of token: TokenID, top: Int, in logits: Span<Float>) -> TokenReport {
        let normaliser = normaliser(logits)
        let logit = logits[min(max(Int(token), 0), logits.count - 1)]
        var rank = 1
        for index in logits.indices where logits[index] > logit { rank += 1 }
        return TokenReport(
            token: .init(id: token, logprob: Double(logit) - normaliser), rank: rank,
            top: best(top, of: logits, normaliser))
    }

    /// The best tokens that a mask left, with their probabilities among all that it left.
    ///
    /// - Parameter logits: minus infinity for tokens outside of the mask.
    package static func allowed(_ count: Int, in logits: Span<Float>) -> [TokenReport.Alternative] {
        best(count, of: logits, normaliser(logits)).filter { $0.logprob > -.infinity }
    }

    private static func best(_ count: Int, of logits: Span<Float>, _ normaliser: Double) -> [TokenReport.Alternative] {
        TopCandidates.best(min(count, logits.count), of: logits).map {
            .init(id: $0.id, logprob: Double($0.logit) - normaliser)
        }
    }

    /// Logarithm of the sum of e^logit.
    private static func normaliser(_ logits: Span<Float>) -> Double {
        let most = logits[Int(Sampler.greedy(logits))]
        return Double(most) + log(LogitScan.sumOfExponentials(logits, top: most, temperature: 1))
    }
}
