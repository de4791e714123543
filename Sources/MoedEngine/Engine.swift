package import MoedCore
import MoedWeights

/// Generates tokens for many sequences at once with one loaded model, on the CPU.
///
/// Used from one thread at a time; it has compute threads of its own. Errors about a step's contents are
/// found before anything is computed, so that an engine stays usable after them.
package final class Engine: SequenceEngine {
    package let limits: EngineLimits
    package let progress = EngineProgress()
    package let model: Qwen3Model
    /// The kernels in use, for logs.
    package let kernelsName: String
    let forward: ForwardPass
    let vocabularyLimit: Int
    private var sequences: [SequenceID: OpenSequence] = [:]

    /// - Throws: `EngineError(.invalidInput)` for settings out of range, `(.outOfMemory)` when they ask for
    ///   too much.
    package init(model: Qwen3Model, settings: EngineSettings) throws(EngineError) {
        try settings.check()
        let blocks = KVCache.blocks(for: settings.kvTokens)
        let kernels = try KernelSet(named: settings.kernels)
        let compute = Compute(kernels: kernels, pool: try WorkerPool(threads: settings.threads))
        self.model = model
        kernelsName = kernels.name
        vocabularyLimit = min(settings.vocabularyLimit ?? .max, model.configuration.vocabulary)
        limits = EngineLimits(
            contextLength: model.configuration.contextLength, kvTokens: blocks * KVCache.blockTokens,
            kvBlockTokens: KVCache.blockTokens, sequencesMax: settings.sequencesMax,
            rowsPerSweepMax: settings.rowsPerSweepMax)
        forward = try ForwardPass(model, compute, rowsMax: settings.rowsPerSweepMax, kvBlocks: blocks)
    }

    /// Memory that the engine holds, all of it from the start; the weights may be shared with other engines.
    package var memory: EngineMemory {
        EngineMemory(
            weights: model.weightByteCount, keyValues: forward.cache.byteCount,
            activations: forward.scratchByteCount)
    }

    /// KV room that is not reserved, in tokens.
    package var kvTokensFree: Int { forward.cache.freeBlocks * KVCache.blockTokens }

    package func open(_ sequence: SequenceID, _ opening: SequenceOpening) throws(EngineError) {
        guard sequences[sequence] == nil else { throw Self.invalid("sequence \(sequence) is open already") }
        guard sequences.count < limits.sequencesMax else {
            throw EngineError(
                .outOfMemory, "\(limits.sequencesMax) sequences are open, the most there may be")
        }
        guard (0...opening.tokensMax).contains(opening.promptTokens) else {
            throw Self.invalid(
                "a prompt of \(opening.promptTokens) tokens in a sequence of \(opening.tokensMax)")
        }
        sequences[sequence] = try makeSequence(opening)
    }

    package func close(_ sequence: SequenceID) {
        guard let closed = sequences.removeValue(forKey: sequence) else { return }
        forward.cache.giveBack(closed.blocks)
    }

    package func sweep(_ steps: [SequenceStep]) throws(EngineError) -> [TokenID?] {
        let open = try check(steps)
        guard !steps.isEmpty else { return [] }
        var sweep = Sweep()
        for (step, sequence) in zip(steps, open) {
            sweep.append(
                step.tokens, at: sequence.length, blocks: sequence.usedBlocks(for: step.tokens.count))
        }
        forward.run(sweep, progress: progress.countLayer)
        for (step, sequence) in zip(steps, open) { sequence.append(step.tokens) }

        var sampled = [TokenID?](repeating: nil, count: steps.count)
        let asking = steps.indices.filter { steps[$0].samples }
        for start in stride(from: 0, to: asking.count, by: ForwardPass.logitRowsMax) {
            let part = Array(asking[start..<min(start + ForwardPass.logitRowsMax, asking.count)])
            forward.computeLogits(of: part.map { sweep.spans[$0].rows.upperBound - 1 })
            let tokens = forward.compute.pool.map(part.count, cost: part.count * vocabularyLimit) { row in
                sample(row, for: open[part[row]])
            }
            for (step, token) in zip(part, tokens) { sampled[step] = token }
        }
        return sampled
    }

    /// Nil when the logits overflowed: no token would be better than another.
    private func sample(_ row: Int, for sequence: OpenSequence) -> TokenID? {
        forward.logits.withRow(row, first: vocabularyLimit) { logits in
            for index in logits.indices where !logits[index].isFinite { return nil }
            return Sampler.sample(
                &logits, sequence.opening.sampling, history: sequence.history,
                choice: sequence.opening.choice,
                position: sequence.length)
        }
    }

    /// Everything that could be wrong with steps; their sequences in the same order.
    private func check(_ steps: [SequenceStep]) throws(EngineError) -> [OpenSequence] {
        var open: [OpenSequence] = []
        var seen: Set<SequenceID> = []
        var rows = 0
        for step in steps {
            guard let sequence = sequences[step.sequence] else {
                throw Self.invalid("sequence \(step.sequence) is not open")
            }
            guard seen.insert(step.sequence).inserted else {
                throw Self.invalid("sequence \(step.sequence) has two steps in one sweep")
            }
            guard !step.tokens.isEmpty else {
                throw Self.invalid("a step of sequence \(step.sequence) has no tokens")
            }
            guard sequence.length + step.tokens.count <= sequence.opening.tokensMax else {
                throw Self.invalid(
                    "sequence \(step.sequence) would have \(sequence.length + step.tokens.count) tokens, "
                        + "but was opened for \(sequence.opening.tokensMax)")
            }
            try check(step.tokens)
            rows += step.tokens.count
            open.append(sequence)
        }
        guard rows <= limits.rowsPerSweepMax else {
            throw Self.invalid("a sweep of \(rows) rows; \(limits.rowsPerSweepMax) are the most")
        }
        return open
    }

    func check(_ tokens: [TokenID]) throws(EngineError) {
        let vocabulary = model.configuration.vocabulary
        for token in tokens where !(0..<vocabulary).contains(Int(token)) {
            throw Self.invalid("token id \(token) is not in the model's vocabulary of \(vocabulary)")
        }
    }

    /// Reserves the KV room of a sequence, for `open` and for scoring.
    func makeSequence(_ opening: SequenceOpening) throws(EngineError) -> OpenSequence {
        guard (1...limits.contextLength).contains(opening.tokensMax) else {
            throw Self.invalid(
                "a sequence of \(opening.tokensMax) tokens; the context has \(limits.contextLength)")
        }
        let needed = KVCache.blocks(for: opening.tokensMax)
        guard let blocks = forward.cache.take(needed) else {
            throw EngineError(
                .outOfMemory,
                "a sequence of \(opening.tokensMax) tokens does not fit: "
                    + "\(kvTokensFree) of \(limits.kvTokens) are free")
        }
        return OpenSequence(opening, blocks: blocks)
    }

    static func invalid(_ message: String) -> EngineError { EngineError(.invalidInput, message) }
}

/// A sequence's state between sweeps.
final class OpenSequence {
    let opening: SequenceOpening
    let blocks: [UInt32]
    /// Tokens computed so far.
    private(set) var length = 0
    private(set) var history = TokenHistory()
    private let remembers: Bool

    init(_ opening: SequenceOpening, blocks: [UInt32]) {
        self.opening = opening
        self.blocks = blocks
        remembers = TokenHistory.isNeeded(by: opening.sampling)
    }

    /// The blocks that hold the sequence once `count` tokens more are in it.
    func usedBlocks(for count: Int) -> [UInt32] { Array(blocks.prefix(KVCache.blocks(for: length + count))) }

    func append(_ tokens: [TokenID]) {
        if remembers {
            for (index, token) in tokens.enumerated() {
                history.append(token, inPrompt: length + index < opening.promptTokens)
            }
        }
        length += tokens.count
    }
}
