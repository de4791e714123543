/// Batch size and rows per sweep of an engine.
package struct BatchShape: Sendable, Equatable {
    /// Maximum number of running sequences.
    package var sequences: Int
    /// Number of running sequences of usual length for which KV capacity is planned. Up to `sequences` short ones share
    /// that capacity.
    package var longSequences: Int
    /// Maximum number of tokens in one sweep; `prefillChunk` is the maximum of one prompt in a sweep.
    package var rowsPerSweep: Int
    package var prefillChunk: Int

    /// - Parameter longSequences: number of running sequences of usual length; nil means `sequences`.
    package init(sequences: Int, longSequences: Int? = nil, rowsPerSweep: Int, prefillChunk: Int) {
        self.sequences = sequences
        self.longSequences = longSequences ?? sequences
        self.rowsPerSweep = rowsPerSweep
        self.prefillChunk = prefillChunk
    }

    /// Shape for a model in memory. More running sequences would add latency and gain little throughput.
    package static let inMemory = BatchShape(sequences: 32, rowsPerSweep: 512, prefillChunk: 256)

    /// Replaces each field that is 0 by that of `choice`.
    package func filled(from choice: BatchShape) -> BatchShape {
        let rows = rowsPerSweep > 0 ? rowsPerSweep : max(choice.rowsPerSweep, sequences)
        return BatchShape(
            sequences: min(sequences > 0 ? sequences : choice.sequences, rows),
            longSequences: min(sequences > 0 ? sequences : choice.longSequences, rows), rowsPerSweep: rows,
            prefillChunk: prefillChunk > 0 ? prefillChunk : min(choice.prefillChunk, rows))
    }

    /// Description for the log.
    package var text: String {
        let most = longSequences < sequences ? "\(longSequences) to \(sequences)" : "\(sequences)"
        return "\(most) sequences together, \(rowsPerSweep) tokens a sweep"
    }

    var isComplete: Bool { sequences > 0 && rowsPerSweep > 0 && prefillChunk > 0 }

    /// Predicted sweeps of a shape under a budget.
    package struct Forecast {
        /// Three sweeps. `decode` has one token of each long sequence that fits. `short` has one token of each of
        /// `sequences` short sequences. `prefill` is full of tokens of one prompt.
        package var decode: ThroughputPlan
        package var short: ThroughputPlan
        package var prefill: ThroughputPlan

        package init(decode: ThroughputPlan, short: ThroughputPlan, prefill: ThroughputPlan) {
            self.decode = decode
            self.short = short
            self.prefill = prefill
        }
    }

    private static let rows = [512, 1024, 2048, 4096]
    private static let sequenceCounts = [32, 64, 128, 256]
    /// Minimum factor of throughput that justifies the memory of more rows or sequences.
    private static let gain = 1.1

    /// Chooses the shape for a model whose experts are streamed from a disk. Rows and sequences grow while throughput
    /// improves, until compute takes as long as the disk. The number of short sequences may grow further.
    ///
    /// - Parameter forecast: predicts the sweeps of a shape; nil when the shape does not fit the budget.
    package static func streamed(_ forecast: (BatchShape) throws -> Forecast?) rethrows -> BatchShape {
        var best = inMemory
        guard var rate = try forecast(best) else { return best }
        for count in rows.dropFirst() {
            let shape = BatchShape(sequences: best.sequences, rowsPerSweep: count, prefillChunk: count)
            guard let next = try forecast(shape),
                next.prefill.tokensPerSecond > gain * rate.prefill.tokensPerSecond
            else { break }
            (best, rate) = (shape, next)
        }
        for count in sequenceCounts.dropFirst() {
            var shape = best
            (shape.sequences, shape.longSequences) = (count, count)
            guard let next = try forecast(shape),
                next.decode.tokensPerSecond > gain * rate.decode.tokensPerSecond
            else { break }
            (best, rate) = (shape, next)
        }
        // KV capacity for long sequences also holds many short ones, which then all run together.
        for count in sequenceCounts where count > best.sequences {
            var shape = best
            shape.sequences = count
            guard let next = try forecast(shape),
                next.short.tokensPerSecond > gain * rate.short.tokensPerSecond
            else { break }
            (best, rate) = (shape, next)
        }
        return best
    }
}
