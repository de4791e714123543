package import MoedReading
import MoedCaching
package import MoedCore
package import MoedHost
import MoedWeights
import MoedSampling

/// Generates tokens for many sequences at once with one loaded model, on the CPU.
///
/// Used from one thread at a time; it has compute threads of its own. Errors about a step's contents are
/// found before anything is computed, so that an engine stays usable after them.
package final class Engine: SequenceEngine {
    package let limits: EngineLimits
    package let progress = ProgressCounter(name: "layers")
    /// Figures of expert streaming; empty for a model that is in memory.
    package let streaming = StreamingMeter()
    /// Ends a sweep of a streamed model early.
    package let interruption = Interruption()
    package let model: Qwen3Model
    /// Adapters beside the model.
    package let adapters: AdapterShelf
    /// The kernels in use, for logs.
    package let kernelsName: String
    /// Trials of ways to fetch weights; empty when none were made.
    package private(set) var contest = FetchContest()
    let forward: ForwardPass
    let vocabularyLimit: Int
    private var sequences: [SequenceID: OpenSequence] = [:]
    private var blocks: KVBlocks
    /// Blocks promised to open sequences, those included that several of them share.
    private var blocksReserved = 0
    let sharesPrefixes: Bool
    /// Blocks of prompts that some sequence is computing, so that others wait for them.
    private var coming: [KVBlocks.Key: SequenceID] = [:]

    /// - Throws: `EngineError(.invalidInput)` for settings out of range, `(.outOfMemory)` when they ask for
    ///   too much.
    package init(model: Qwen3Model, settings: EngineSettings) throws(EngineError) {
        try settings.check()
        let blockCount = KVCache.blocks(for: settings.kvTokens)
        let kernels = try KernelSet(named: settings.kernels)
        var compute = Compute(kernels: kernels, pool: try WorkerPool(threads: settings.threads))
        if let fetch = settings.fetch {
            compute.fetch = fetch
        } else if let trials = try FetchTrials(model, compute) {
            contest = trials.contest(time: settings.tuningTime)
            compute.fetch = contest.winner
        }
        self.model = model
        adapters = AdapterShelf(model.adapters)
        kernelsName = kernels.name
        vocabularyLimit = min(settings.vocabularyLimit ?? .max, model.configuration.vocabulary)
        sharesPrefixes = settings.sharesPrefixes
        limits = EngineLimits(
            contextLength: model.configuration.contextLength, kvTokens: blockCount * KVCache.blockTokens,
            kvBlockTokens: KVCache.blockTokens, sequencesMax: settings.sequencesMax,
            rowsPerSweepMax: settings.rowsPerSweepMax)
        let (streaming, interruption) = (streaming, interruption)
        let source = try model.streamed.map { streamed throws(EngineError) -> any ExpertSource in
            if let memory = streamed.memory {
                return try ArrivingExperts(
                    streamed, into: memory, meter: streaming, interruption: interruption)
            }
            return try ExpertCache(
                streamed, places: settings.expertPlaces, policy: settings.cachePolicy, disk: settings.disk,
                meter: streaming, interruption: interruption)
        }
        forward = try ForwardPass(
            model, compute, rowsMax: settings.rowsPerSweepMax, kvBlocks: blockCount,
            kvFormat: settings.kvFormat, source: source)
        // After the cache: its books are not begun for a size that cannot be had.
        blocks = KVBlocks(count: blockCount)
    }

    /// Tokens of a block of keys and values.
    package static var kvBlockTokens: Int { KVCache.blockTokens }

    /// Memory that the engine holds, all of it from the start; the weights may be shared with other engines.
    package var memory: EngineMemory {
        EngineMemory(
            weights: model.weightByteCount + adapters.byteCount,
            expertPlaces: forward.source?.byteCount ?? 0,
            keyValues: forward.cache.byteCount, activations: forward.scratchByteCount)
    }

    /// Shows the experts that sweeps use; a model without experts shows nothing. Nil ends it.
    package func observeRouting(_ observer: RoutingObserver?) { forward.routingObserver = observer }

    /// Shows the intermediate results of sweeps, for comparison with a reference. Nil ends it.
    package func observeTrace(_ observer: TraceObserver?) { forward.traceObserver = observer }

    /// Bytes of one expert, padding included; 0 for a model without experts.
    package var expertByteCount: Int { model.expertByteCount }

    /// Format of keys and values, for logs.
    package var kvFormat: KVFormat { forward.cache.format }

    /// The way to fetch weights and its trials, for logs.
    package var fetchText: String {
        let name = forward.compute.fetch.rawValue
        return contest.text.isEmpty ? "weights fetched \(name)" : "weights fetched \(name) (\(contest.text))"
    }

    /// Keys and values that the format clamped.
    package var kvClamps: KVClamps { forward.cache.clamps }

    /// KV room that is not reserved, in tokens.
    package var kvTokensFree: Int { (blocks.count - blocksReserved) * KVCache.blockTokens }

    package func open(_ sequence: SequenceID, _ opening: SequenceOpening) throws(EngineError) {
        guard sequences[sequence] == nil else { throw Self.invalid("sequence \(sequence) is open already") }
        guard sequences.count < limits.sequencesMax else {
            throw EngineError(
                .outOfMemory, "\(limits.sequencesMax) sequences are open, the most there may be")
        }
        guard opening.prompt.count <= opening.tokensMax else {
            throw Self.invalid(
                "a prompt of \(opening.prompt.count) tokens in a sequence of \(opening.tokensMax)")
        }
        try check(opening.prompt)
        sequences[sequence] = try makeSequence(opening)
    }

    package func extend(_ sequence: SequenceID, to tokens: Int) throws(EngineError) {
        guard let open = sequences[sequence] else { throw Self.invalid("sequence \(sequence) is not open") }
        let more = KVCache.blocks(for: min(tokens, open.opening.tokensMax)) - open.blocksReserved
        guard more > 0 else { return }
        try checkRoom(blocks: more, tokens: tokens)
        open.reserve(blocks: open.blocksReserved + more)
        let fits = open.takeRoom(&blocks)
        precondition(fits, "fewer blocks are used than reserved")
        blocksReserved += more
    }

    private func checkRoom(blocks more: Int, tokens: Int) throws(EngineError) {
        guard more <= blocks.count - blocksReserved else {
            throw EngineError(
                .outOfMemory,
                "a sequence of \(tokens) tokens does not fit: \(kvTokensFree) of \(limits.kvTokens) are free")
        }
    }

    package func close(_ sequence: SequenceID) {
        guard let closed = sequences.removeValue(forKey: sequence) else { return }
        release(closed)
    }

    package func takePrefix(_ sequence: SequenceID) -> PrefixShare {
        guard sharesPrefixes, let open = sequences[sequence] else { return .none }
        open.takeKnown(&blocks)
        let tokens = open.reportTaken()
        if open.prefixPromise != open.nextKey { endPromise(of: open) }
        guard let key = open.nextKey else { return PrefixShare(tokens: tokens, isComing: false) }
        let owner = coming[key] ?? sequence
        coming[key] = owner
        if owner == sequence { open.prefixPromise = key }
        return PrefixShare(tokens: tokens, isComing: owner != sequence && open.canShareNext)
    }

    /// Adds a sweep's tokens to a sequence, and its prefixes to those that others may use.
    private func append(_ tokens: [TokenID], to sequence: OpenSequence) {
        sequence.append(tokens)
        guard sharesPrefixes else { return }
        sequence.publish(&blocks)
        if let promise = sequence.prefixPromise, blocks.find(promise) != nil { endPromise(of: sequence) }
    }

    private func endPromise(of sequence: OpenSequence) {
        if let promise = sequence.prefixPromise { coming[promise] = nil }
        sequence.prefixPromise = nil
    }

    package func sweep(_ steps: [SequenceStep]) throws(EngineError) -> [StepOutput] {
        let open = try check(steps)
        guard !steps.isEmpty else { return [] }
        var sweep = Sweep()
        for (step, sequence) in zip(steps, open) {
            sweep.append(
                step.tokens, at: sequence.length, blocks: sequence.usedBlocks(for: step.tokens.count),
                adapter: sequence.adapter)
        }
        try forward.run(sweep, progress: progress.advance)
        for (step, sequence) in zip(steps, open) { append(step.tokens, to: sequence) }

        return read(steps, open, sweep)
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
            guard KVCache.blocks(for: sequence.length + step.tokens.count) <= sequence.blocksReserved else {
                throw Self.invalid("sequence \(step.sequence) has no room for \(step.tokens.count) tokens more")
            }
            try check(step.tokens)
            let prompt = sequence.opening.prompt.dropFirst(sequence.length)
            guard zip(prompt, step.tokens).allSatisfy({ $0 == $1 }) else {
                throw Self.invalid("sequence \(step.sequence) was opened with another prompt")
            }
            guard step.reports?.places.allSatisfy({ step.tokens.indices.contains($0.row) }) != false else {
                throw Self.invalid("sequence \(step.sequence) asks for a report on a row that it does not have")
            }
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
        let sequence = OpenSequence(opening, adapter: try opening.adapter.map(loadedAdapter))
        try checkRoom(blocks: sequence.blocksReserved, tokens: opening.kvTokens)
        // Known blocks are used first: taking room may make the engine forget them.
        if sharesPrefixes { sequence.takeKnown(&blocks) }
        let fits = sequence.takeRoom(&blocks)
        precondition(fits, "fewer blocks are used than reserved")
        blocksReserved += sequence.blocksReserved
        return sequence
    }

    /// Gives a sequence's room back.
    func release(_ sequence: OpenSequence) {
        endPromise(of: sequence)
        blocks.giveBack(sequence.blocks)
        blocksReserved -= sequence.blocksReserved
    }

    private func loadedAdapter(_ name: String) throws(EngineError) -> LoadedAdapter {
        guard let adapter = adapters.adapter(name) else { throw Self.invalid("adapter “\(name)” is not loaded") }
        return adapter
    }

    static func invalid(_ message: String) -> EngineError { EngineError(.invalidInput, message) }
}
