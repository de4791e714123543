import MoedCore
import MoedHost
import MoedWeights

/// Finds how many reads at once are best here: some disks are saturated by one, others want many.
package struct DiskProbe: Sendable, Equatable {
    var depth: Int
    /// Bytes per second at that depth; 0 when there was too little to read.
    package var bytesPerSecond: Double

    private static let depths = [1, 2, 4, ExpertSlots.readsMax]
    /// Per depth.
    private static let time = Duration.milliseconds(120)
    private static let bytesMax = 256 << 20
    /// A deeper queue must be worth its slots.
    private static let gain = 1.05

    /// More reads than half the slots could not all be under way while others are computed.
    private static func fits(_ depth: Int, slots: Int) -> Bool { depth == 1 || 4 * depth <= slots }

    /// Whether so many slots are enough for what was found best.
    func fits(slots: Int) -> Bool { Self.fits(depth, slots: slots) }

    /// Reads experts from all over the file into the slots, which nobody uses yet.
    ///
    /// - Throws: `EngineError` when an expert cannot be read.
    static func measure(
        _ bank: ExpertBank, _ reader: any ExpertReader, into memory: UnsafeMutableRawBufferPointer, slots: Int
    ) throws(EngineError) -> DiskProbe {
        var best = DiskProbe(depth: 1, bytesPerSecond: 0)
        for (round, depth) in depths.enumerated() where fits(depth, slots: slots) {
            let rate = try unsafe rate(bank, reader, memory, depth: depth, round: round)
            if rate > best.bytesPerSecond * gain { best = DiskProbe(depth: depth, bytesPerSecond: rate) }
        }
        return best
    }

    /// The same with memory of its own.
    static func measure(_ bank: ExpertBank, _ reader: any ExpertReader) throws(EngineError) -> DiskProbe {
        let slots = 32
        let memory = try AlignedMemory.allocated(byteCount: slots * bank.slotByteCount, purpose: "probing the disk")
        let bytes = unsafe UnsafeMutableRawBufferPointer(start: memory.base, count: memory.byteCount)
        let probe = try unsafe measure(bank, reader, into: bytes, slots: slots)
        return withExtendedLifetime(memory) { probe }
    }

    private static func rate(
        _ bank: ExpertBank, _ reader: any ExpertReader, _ memory: UnsafeMutableRawBufferPointer, depth: Int,
        round: Int
    ) throws(EngineError) -> Double {
        let pool = try unsafe ExpertReadPool(
            bank, reader: reader, depth: depth, slots: memory, verification: .never)
        let start = ContinuousClock.now
        var (queued, bytes, done) = (0, 0, 0)
        // Far apart and other ones in each round, so that no cache answers.
        let stride = max(1, bank.count / 61) | 1
        func queue(_ slot: Int) {
            pool.queue([.init(key: (round * 17 + queued * stride) % bank.count, slot: slot)])
            queued += 1
        }
        for slot in 0..<depth { queue(slot) }
        while done < queued {
            for (read, error) in pool.takeEnded(waitingAtMost: .seconds(1)) {
                if let error { throw error }
                done += 1
                bytes += bank.blobs[read.key].byteCount
                if ContinuousClock.now - start < time, bytes < bytesMax, queued < bank.count {
                    queue(read.slot)
                }
            }
        }
        let elapsed = ContinuousClock.now - start
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        return seconds > 0 ? Double(bytes) / seconds : 0
    }
}
