package import MoedReading
package import MoedCaching
package import MoedCore
import MoedWeights

/// Sizes that an engine is built with; all memory is allocated accordingly at the start.
package struct EngineSettings: Sendable, Equatable {
    package var threads: Int
    /// KV room in tokens over all sequences, rounded up to whole blocks.
    package var kvTokens: Int
    package var kvFormat: KVFormat
    /// True computes and holds equal beginnings of prompts once; the results are the same.
    package var sharesPrefixes: Bool
    package var sequencesMax: Int
    package var rowsPerSweepMax: Int
    /// Ids from here on are never generated: the embedding may have more rows than the tokenizer has tokens.
    /// Nil is all.
    package var vocabularyLimit: Int?
    /// Kernel variant by name; nil takes the fastest.
    package var kernels: String?
    /// The way to fetch weights; nil tries several at the start.
    package var fetch: FetchTuning?
    /// Time of these trials.
    package var tuningTime = Duration.milliseconds(600)
    /// Expert places of a model whose experts are read while it runs; at least `ExpertCacheState.least`.
    package var expertPlaces = 0
    /// Policy for the experts that stay in memory.
    package var cachePolicy = ExpertCachePolicy.Kind.moed
    /// Probe of the disk with the experts; nil measures at the start.
    package var disk: DiskProbe?

    package init(
        threads: Int, kvTokens: Int, kvFormat: KVFormat = .f32, sharesPrefixes: Bool = true,
        sequencesMax: Int, rowsPerSweepMax: Int, vocabularyLimit: Int? = nil
    ) {
        self.threads = threads
        self.kvTokens = kvTokens
        self.kvFormat = kvFormat
        self.sharesPrefixes = sharesPrefixes
        self.sequencesMax = sequencesMax
        self.rowsPerSweepMax = rowsPerSweepMax
        self.vocabularyLimit = vocabularyLimit
    }

    /// - Throws: `EngineError(.invalidInput)` naming the setting and its range.
    package func check() throws(EngineError) {
        try Self.check("kvTokens", kvTokens, in: 1...1 << 36)
        try Self.check("sequencesMax", sequencesMax, in: 1...1 << 20)
        try Self.check("rowsPerSweepMax", rowsPerSweepMax, in: 1...1 << 16)
        if let vocabularyLimit { try Self.check("vocabularyLimit", vocabularyLimit, in: 1...Int(Int32.max)) }
    }

    private static func check(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws(EngineError) {
        guard range.contains(value) else {
            throw EngineError(
                .invalidInput, "\(name) is \(value), but must be in \(range.lowerBound)…\(range.upperBound)")
        }
    }
}
