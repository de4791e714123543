package import MoedCaching
package import MoedCore
import MoedHost
package import MoedPacks
import MoedWeights

/// Reads experts into expert places, several at once: by one thread through io_uring where the kernel allows it, else
/// by as many threads as reads are under way.
///
/// The reader says where experts lie; the pool decides how they are read. It is used from one thread, which queues
/// reads and takes them in the order in which they ended.
package final class ExpertReadPool {
    /// Reads under way at once.
    package let depth: Int
    /// “io_uring” or “reading threads”, for logs.
    package let method: String
    private let queue = ReadQueue()
    private let ring: ReadRing?
    private var threads: [HostThread] = []

    /// - Parameters:
    ///   - depth: reads under way at once.
    ///   - places: memory of the expert places, one behind the other; must exist until the pool is stopped.
    ///   - onRead: called on a reading thread with the bytes of each expert that was read well.
    /// - Throws: `EngineError(.outOfMemory)` when the system gives no more threads.
    package init(
        _ table: ExpertTable, reader: any ExpertReader, depth: Int, places: UnsafeMutableRawBufferPointer,
        verification: ExpertVerification, onRead: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(EngineError) {
        self.depth = depth
        let reads = unsafe PlacedReads(table, reader, places, verification, onRead)
        ring = reader.directDescriptor.flatMap { ReadRing(descriptor: $0, depth: depth) }
        method = ring == nil ? "reading threads" : "io_uring"
        for number in 0..<(ring == nil ? depth : 1) {
            do {
                let thread = ReadingThread(queue: queue, reads: reads, ring: ring, depth: depth)
                threads.append(try HostThread.unchecked(name: "moed-read-\(number)", thread.run))
            } catch {
                stop()
                throw EngineError(.outOfMemory, "\(error)")
            }
        }
    }

    deinit { stop() }

    /// Waits for the reads that are under way; begins no others.
    package func stop() {
        queue.stop()
        ring?.wake()
        for thread in threads { thread.join() }
        threads = []
    }

    package func queue(_ reads: [ExpertRead]) {
        guard !reads.isEmpty else { return }
        queue.queue(reads)
        ring?.wake()
    }

    /// Defers reads until nothing else is queued.
    package func queueLater(_ reads: [ExpertRead]) {
        queue.queueLater(reads)
        ring?.wake()
    }

    /// Holds deferred reads back until they are hastened or let go.
    package func holdLater(_ isHeld: Bool) {
        queue.holdLater(isHeld)
        ring?.wake()
    }

    /// Moves deferred reads of these experts to the normal queue.
    package func hasten(_ keys: Set<ExpertTable.Key>) {
        queue.hasten(keys)
        ring?.wake()
    }

    /// Time with at least one read under way, verification included.
    package var readingTime: Duration { queue.readingTime }

    /// Takes the reads that have ended since the last call; waits for one when there are none.
    ///
    /// - Parameter limit: longest wait.
    package func takeEnded(waitingAtMost limit: Duration) -> [EndedRead] { queue.takeEnded(limit) }

    /// Takes the reads that have ended, without waiting.
    package func takeEnded() -> [EndedRead] { queue.takeEnded(nil) }
}

/// The objects of one reading thread.
private final class ReadingThread {
    private let queue: ReadQueue
    private let reads: PlacedReads
    private let ring: ReadRing?
    private let depth: Int

    init(queue: ReadQueue, reads: PlacedReads, ring: ReadRing?, depth: Int) {
        (self.queue, self.reads, self.ring, self.depth) = (queue, reads, ring, depth)
    }

    func run() {
        guard let ring else { return readOneByOne() }
        guard !ring.serve(queue, reads) else { return }
        // Fewer threads than wanted read more slowly, and one is always there.
        let others = (1..<max(1, depth)).compactMap { number in
            try? HostThread.unchecked(name: "moed-read-\(number)") { [self] in readOneByOne() }
        }
        readOneByOne()
        for thread in others { thread.join() }
    }

    private func readOneByOne() {
        while let read = queue.take() { queue.finish(read, reads.perform(read) { queue.isStopped }) }
    }
}
