/// Batch size and rows per sweep of an engine.
package struct BatchShape: Sendable, Equatable {
    /// Maximum number of running sequences.
    package var slots: Int
    /// Number of running sequences of usual length for which KV capacity is planned. Up to `slots` short ones share
    /// that capacity.
    package var longSlots: Int
    /// Maximum number of tokens in one sweep; `prefillChunk` is the maximum of one prompt in a sweep.
    package var rowsPerSweep: Int
    package var prefillChunk: Int

    /// - Parameter longSlots: number of running sequences of usual length; nil means `slots`.
    package init(slots: Int, longSlots: Int? = nil, rowsPerSweep: Int, prefillChunk: Int) {
        self.slots = slots
        self.longSlots = longSlots ?? slots
        self.rowsPerSweep = rowsPerSweep
        self.prefillChunk = prefillChunk
    }

    /// Shape for a model in memory. More running sequences would add latency and gain little throughput.
    package static let inMemory = BatchShape(slots: 32, rowsPerSweep: 512, prefillChunk: 256)

    /// Replaces each field that is 0 by that of `choice`.
    package func filled(from choice: BatchShape) -> BatchShape {
        let rows = rowsPerSweep > 0 ? rowsPerSweep : max(choice.rowsPerSweep, slots)
        return BatchShape(
            slots: min(slots > 0 ? slots : choice.slots, rows),
            longSlots: min(slots > 0 ? slots : choice.longSlots, rows), rowsPerSweep: rows,
            prefillChunk: prefillChunk > 0 ? prefillChunk : min(choice.prefillChunk, rows))
    }

    /// Description for the log.
    package var text: String {
        let most = longSlots < slots ? "\(longSlots) to \(slots)" : "\(slots)"
        return "\(most) sequences together, \(rowsPerSweep) tokens a sweep"
    }

    var isComplete: Bool { slots > 0 && rowsPerSweep > 0 && prefillChunk > 0 }

    /// Predicted sweeps of a shape under a budget.
    package struct Forecast {
        /// Three sweeps. `decode` has one token of each long sequence that fits, `short` one token of each of `slots`
        /// short sequences. `prefill` is full of tokens of one prompt.
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
    private static let sequences = [32, 64, 128, 256]
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
            let shape = BatchShape(slots: best.slots, rowsPerSweep: count, prefillChunk: count)
            guard let next = try forecast(shape),
                next.prefill.tokensPerSecond > gain * rate.prefill.tokensPerSecond
            else { break }
            (best, rate) = (shape, next)
        }
        for count in sequences.dropFirst() {
            var shape = best
            (shape.slots, shape.longSlots) = (count, count)
            guard let next = try forecast(shape),
                next.decode.tokensPerSecond > gain * rate.decode.tokensPerSecond
            else { break }
            (best, rate) = (shape, next)
        }
        // KV capacity for long sequences also holds many short ones, which then all run together.
        for count in sequences where count > best.slots {
            var shape = best
            shape.slots = count
            guard let next = try forecast(shape),
                next.short.tokensPerSecond > gain * rate.short.tokensPerSecond
            else { break }
            (best, rate) = (shape, next)
        }
        return best
    }
}
