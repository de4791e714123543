package import MoedCore
import MoedHost

/// When an expert's digest is compared with what was packed.
package enum ExpertVerification: String, Sendable, CaseIterable {
    /// The first time it is read, and each time once the file has changed.
    case first
    case always
    case never
}

/// Reads experts into slots, several at once: by one thread through io_uring where the kernel allows it, else by as
/// many threads as reads are under way.
///
/// Used from one thread, which queues reads and takes what has ended, in the order in which it ended.
package final class ExpertReadPool {
    package typealias Ended = (read: ExpertSlots.Read, error: EngineError?)

    /// Reads under way at once.
    package let depth: Int
    /// “io_uring”, or how else the reads are made.
    package let method: String
    private let desk: ReadDesk
    private let ring: ReadRing?
    private var handles: [HostThread] = []

    /// - Parameters:
    ///   - depth: reads under way at once.
    ///   - slots: the slots' memory, one behind the other; must be there until the pool is stopped.
    ///   - onRead: told the bytes of each expert that was read well, by the thread that read it.
    /// - Throws: `EngineError(.outOfMemory)` when the system gives no more threads.
    package init(
        _ bank: ExpertBank, reader: any ExpertReader, depth: Int, slots: UnsafeMutableRawBufferPointer,
        verification: ExpertVerification, onRead: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(EngineError) {
        self.depth = depth
        desk = unsafe ReadDesk(bank, reader, slots, verification, onRead)
        ring = reader.ring(depth: depth)
        method = ring == nil ? "reading threads" : "io_uring"
        for number in 0..<(ring == nil ? depth : 1) {
            do {
                let thread = ReadingThread(desk: desk, ring: ring)
                handles.append(try HostThread.unchecked(name: "moed-read-\(number)", thread.run))
            } catch {
                stop()
                throw EngineError(.outOfMemory, "\(error)")
            }
        }
    }

    deinit { stop() }

    /// Waits for the reads that are under way; no others are begun.
    package func stop() {
        desk.stop()
        ring?.wake()
        for handle in handles { handle.join() }
        handles = []
    }

    package func queue(_ reads: [ExpertSlots.Read]) {
        guard !reads.isEmpty else { return }
        desk.queue(reads)
        ring?.wake()
    }

    /// To be read when nothing else is queued.
    package func queueLater(_ reads: [ExpertSlots.Read]) {
        desk.queueLater(reads)
        ring?.wake()
    }

    /// Whether what was queued for later waits until it is hastened or let go.
    package func holdLater(_ isHeld: Bool) {
        desk.holdLater(isHeld)
        ring?.wake()
    }

    /// What was queued for later of these experts is read as soon as what was just queued.
    package func hasten(_ keys: Set<ExpertBank.Key>) { desk.hasten(keys) }

    /// Time that at least one read was under way, verifying included.
    package var readingTime: Duration { desk.readingTime }

    /// What has ended since it was asked last; waits for something to end if nothing has.
    ///
    /// - Parameter limit: waits no longer than this.
    package func takeEnded(waitingAtMost limit: Duration) -> [Ended] { desk.takeEnded(limit) }

    /// What has ended, without waiting.
    package func takeEnded() -> [Ended] { desk.takeEnded(nil) }
}

/// What a reading thread works with.
private final class ReadingThread {
    private let desk: ReadDesk
    private let ring: ReadRing?

    init(desk: ReadDesk, ring: ReadRing?) {
        self.desk = desk
        self.ring = ring
    }

    func run() {
        if let ring { return ring.serve(desk) }
        while let read = desk.take() { desk.finish(read, desk.perform(read)) }
    }
}
