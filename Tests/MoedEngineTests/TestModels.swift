import MoedCore
import MoedEngine
import MoedPacks
import MoedWeights

extension Qwen3Model {
    /// Loads a whole checkpoint.
    static func load(
        _ checkpoint: Checkpoint, experts: WeightFormat = .bf16, dense: WeightFormat = .bf16, threads: Int,
        progress: LoadProgress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model {
        try load(.checkpoint(checkpoint), experts: experts, dense: dense, threads: threads, progress: progress)
    }

    /// Loads a whole pack.
    static func load(
        _ pack: Pack, threads: Int, progress: LoadProgress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model {
        try load(.pack(pack), threads: threads, progress: progress)
    }

    /// Loads all weights of either kind of directory.
    static func load(
        _ directory: ModelDirectory, experts: WeightFormat = .bf16, dense: WeightFormat = .bf16, threads: Int,
        progress: LoadProgress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model {
        try UnloadedModel(directory, experts: experts, dense: dense).load(threads: threads, progress)
    }
}

extension Engine {
    /// Bytes of keys and values of one token.
    var kvBytesPerToken: Int { memory.keyValues / limits.kvTokens }

    /// Tokens of a prompt that the engine still has from sequences that were closed.
    func prefixTokensKept(of prompt: [TokenID]) throws -> Int {
        let sequence = SequenceID(1 << 40)
        try open(
            sequence,
            SequenceOpening(prompt: prompt, tokensMax: prompt.count + 1, sampling: .greedy, choice: 0))
        defer { close(sequence) }
        return takePrefix(sequence).tokens
    }

    /// Runs a token list in one sweep and shows its intermediate results.
    func trace(_ tokens: [TokenID], _ observer: @escaping TraceObserver) throws {
        observeTrace(observer)
        defer { observeTrace(nil) }
        _ = try logits(tokens)
    }
}
