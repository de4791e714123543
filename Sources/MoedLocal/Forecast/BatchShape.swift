/// How much runs together in an engine.
package struct BatchShape: Sendable, Equatable {
    /// Sequences at most.
    package var slots: Int
    /// Sequences of usual length that there is to be KV room for. As many short ones run as their room allows.
    package var longSlots: Int
    /// Tokens in one pass through the layers, and of one prompt in it.
    package var rowsPerSweep: Int
    package var prefillChunk: Int

    /// - Parameter longSlots: nil for all.
    package init(slots: Int, longSlots: Int? = nil, rowsPerSweep: Int, prefillChunk: Int) {
        self.slots = slots
        self.longSlots = longSlots ?? slots
        self.rowsPerSweep = rowsPerSweep
        self.prefillChunk = prefillChunk
    }

    /// For a model in memory: more sequences would wait longer for each other, and gain little.
    package static let inMemory = BatchShape(slots: 32, rowsPerSweep: 512, prefillChunk: 256)

    /// Fills what is 0.
    package func filled(from choice: BatchShape) -> BatchShape {
        let rows = rowsPerSweep > 0 ? rowsPerSweep : max(choice.rowsPerSweep, slots)
        return BatchShape(
            slots: min(slots > 0 ? slots : choice.slots, rows),
            longSlots: min(slots > 0 ? slots : choice.longSlots, rows), rowsPerSweep: rows,
            prefillChunk: prefillChunk > 0 ? prefillChunk : min(choice.prefillChunk, rows))
    }

    /// For the log.
    package var text: String {
        let most = longSlots < slots ? "\(longSlots) to \(slots)" : "\(slots)"
        return "\(most) sequences together, \(rowsPerSweep) tokens a sweep"
    }

    var isComplete: Bool { slots > 0 && rowsPerSweep > 0 && prefillChunk > 0 }

    /// What a shape would do under a budget.
    package struct Forecast {
        /// A sweep of all long sequences that have room, a token each; one of all sequences, were they short; and one
        /// full of a prompt's tokens.
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
    /// More rows and sequences take memory: they must be worth it.
    private static let gain = 1.1

    /// For a model whose experts are read from a disk: as many rows and sequences as share each reading with profit,
    /// until computing them takes as long as the disk; more of them when they are short.
    ///
    /// - Parameter forecast: of a shape; nil when it does not fit the budget.
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
        // Room for long sequences is room for many short ones, which then need not run in turns.
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
