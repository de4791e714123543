import Glibc
package import MoedCore
import MoedSampling

/// The model's expectation after a token and those before it.
package struct TokenScore: Sendable, Equatable {
    package struct Alternative: Sendable, Equatable {
        package var id: TokenID
        /// Natural logarithm of its probability.
        package var logprob: Double
    }

    /// Natural logarithm of the probability of the token that follows; nil after the last one.
    package var logprob: Double?
    /// The most probable tokens at that place, best first.
    package var top: [Alternative]
}

extension Engine {
    /// Scores a token list: element i is about what follows tokens 0…i.
    ///
    /// Long lists run in chunks; memory does not grow with the length beyond the KV room, which is taken from
    /// the engine's and given back. Ids past the vocabulary limit have no probability.
    ///
    /// - Parameters:
    ///   - top: number of alternatives to list per place.
    ///   - adapter: name of a loaded adapter; nil scores with the base.
    /// - Throws: `EngineError(.invalidInput)` for ids out of range, `(.outOfMemory)` when the list does not
    ///   fit.
    package func score(
        _ tokens: [TokenID], top: Int = 0, adapter: String? = nil
    ) throws(EngineError) -> [TokenScore] {
        guard top >= 0 else { throw Self.invalid("\(top) alternatives") }
        for token in tokens.dropFirst() where Int(token) >= vocabularyLimit {
            throw Self.invalid(
                "token id \(token) cannot be generated: the vocabulary ends at \(vocabularyLimit)")
        }
        var scores: [TokenScore] = []
        try eachLogits(tokens, adapter) { firstPosition, rows in
            scores += forward.compute.pool.map(rows, cost: rows * vocabularyLimit * 20) { row in
                let position = firstPosition + row + 1
                return forward.logits.withRow(row, first: vocabularyLimit) { logits in
                    Self.score(logits.span, next: position < tokens.count ? tokens[position] : nil, top: top)
                }
            }
        }
        return scores
    }

    private static func score(_ logits: Span<Float>, next: TokenID?, top: Int) -> TokenScore {
        var most = -Float.infinity
        for index in logits.indices { most = max(most, logits[index]) }
        var sum = 0.0
        for index in logits.indices { sum += PortableMath.exponential(Double(logits[index]) - Double(most)) }
        let normaliser = Double(most) + log(sum)
        return TokenScore(
            logprob: next.map { Double(logits[Int($0)]) - normaliser },
            top: TopCandidates.best(min(top, logits.count), of: logits).map {
                TokenScore.Alternative(id: $0.id, logprob: Double($0.logit) - normaliser)
            })
    }

    /// The logits after each token, `[tokens][vocabulary]`, of the whole embedding without any mask.
    ///
    /// - Parameter lastOnly: true returns the last token's only.
    package func logits(
        _ tokens: [TokenID], lastOnly: Bool = false, adapter: String? = nil
    ) throws(EngineError) -> [[Float]] {
        var all: [[Float]] = []
        try eachLogits(tokens, adapter) { _, rows in
            for row in 0..<rows {
                all.append(forward.logits.withRow(row) { span in span.indices.map { span[$0] } })
            }
            if lastOnly, all.count > 1 { all.removeFirst(all.count - 1) }
        }
        return all
    }

    /// Runs `tokens` from the start in chunks and calls `body` with each part's first position and number of
    /// rows while their logits are in `forward.logits`.
    private func eachLogits(
        _ tokens: [TokenID], _ adapter: String?, _ body: (Int, Int) -> Void
    ) throws(EngineError) {
        try check(tokens)
        guard !tokens.isEmpty else { return }
        let sequence = try makeSequence(SequenceOpening.scoring(tokens.count, adapter))
        defer { release(sequence) }
        for start in stride(from: 0, to: tokens.count, by: limits.rowsPerSweepMax) {
            let chunk = Array(tokens[start..<min(start + limits.rowsPerSweepMax, tokens.count)])
            var sweep = Sweep()
            sweep.append(chunk, at: start, blocks: sequence.usedBlocks(for: chunk.count), adapter: sequence.adapter)
            try forward.run(sweep, progress: progress.advance)
            sequence.append(chunk)
            for first in stride(from: 0, to: chunk.count, by: ForwardPass.logitRowsMax) {
                let rows = first..<min(first + ForwardPass.logitRowsMax, chunk.count)
                forward.computeLogits(of: Array(rows))
                body(start + first, rows.count)
            }
        }
    }
}

extension SequenceOpening {
    fileprivate static func scoring(_ tokens: Int, _ adapter: String?) -> SequenceOpening {
        SequenceOpening(prompt: [], tokensMax: tokens, sampling: .greedy, choice: 0, adapter: adapter)
    }
}
