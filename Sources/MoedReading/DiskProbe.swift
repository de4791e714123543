import MoedCaching
package import MoedCore
import MoedHost
package import MoedPacks
import MoedWeights

/// Finds how many reads at once are best here: some disks are saturated by one, others want many.
package struct DiskProbe: Sendable, Equatable {
    package var depth: Int
    /// Bytes per second at that depth; 0 when there was too little to read.
    package var bytesPerSecond: Double

    private static let depths = [1, 2, 4, ExpertCacheState.readsMax]
    /// Per depth.
    private static let time = Duration.milliseconds(120)
    private static let bytesMax = 256 << 20
    /// Smallest gain in bytes per second that is worth the places of a deeper queue.
    private static let gain = 1.05

    /// Half of the places must be left for experts that are computed while others are read.
    private static func fits(_ depth: Int, places: Int) -> Bool { depth == 1 || 4 * depth <= places }

    /// True when there are places enough for the depth that was found best.
    package func fits(places: Int) -> Bool { Self.fits(depth, places: places) }

    /// Reads experts from all over the file into the places, which must be unused.
    ///
    /// - Throws: `EngineError` when an expert cannot be read.
    package static func measure(
        _ table: ExpertTable, _ reader: any ExpertReader, into memory: UnsafeMutableRawBufferPointer, places: Int
    ) throws(EngineError) -> DiskProbe {
        var best = DiskProbe(depth: 1, bytesPerSecond: 0)
        for (round, depth) in depths.enumerated() where fits(depth, places: places) {
            let rate = try unsafe rate(table, reader, memory, depth: depth, round: round)
            if rate > best.bytesPerSecond * gain { best = DiskProbe(depth: depth, bytesPerSecond: rate) }
        }
        return best
    }

    /// The same with memory of its own.
    package static func measure(_ table: ExpertTable, _ reader: any ExpertReader) throws(EngineError) -> DiskProbe {
        let places = 32
        let memory: AlignedMemory
        do {
            memory = try AlignedMemory(byteCount: places * table.placeByteCount, purpose: "probing the disk")
        } catch {
            throw EngineError(.outOfMemory, "\(error)")
        }
        let bytes = unsafe UnsafeMutableRawBufferPointer(start: memory.base, count: memory.byteCount)
        let probe = try unsafe measure(table, reader, into: bytes, places: places)
        return withExtendedLifetime(memory) { probe }
    }

    private static func rate(
        _ table: ExpertTable, _ reader: any ExpertReader, _ memory: UnsafeMutableRawBufferPointer, depth: Int,
        round: Int
    ) throws(EngineError) -> Double {
        let pool = try unsafe ExpertReadPool(
            table, reader: reader, depth: depth, places: memory, verification: .never)
        let start = ContinuousClock.now
        var (queued, bytes, done) = (0, 0, 0)
        // Far apart and other ones in each round, so that no cache answers.
        let stride = max(1, table.count / 61) | 1
        func queue(_ place: Int) {
            pool.queue([.init(key: (round * 17 + queued * stride) % table.count, place: place)])
            queued += 1
        }
        for place in 0..<depth { queue(place) }
        while done < queued {
            for end in pool.takeEnded(waitingAtMost: .seconds(1)) {
                if let error = end.error { throw error }
                done += 1
                bytes += table.blobs[end.read.key].byteCount
                if ContinuousClock.now - start < time, bytes < bytesMax, queued < table.count {
                    queue(end.read.place)
                }
            }
        }
        let elapsed = ContinuousClock.now - start
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        return seconds > 0 ? Double(bytes) / seconds : 0
    }
}
