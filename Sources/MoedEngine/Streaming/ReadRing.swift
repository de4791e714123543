import CReadRing
import Glibc

/// Reads made through io_uring: one thread has up to `depth` of them under way.
///
/// Only reads that go well go this way. A read that fails or ends early is made again by `PlacedReads.perform`, with
/// its retries and messages.
@safe final class ReadRing {
    private let depth: Int
    private let ring: OpaquePointer

    /// Nil where the kernel has no io_uring or forbids it.
    ///
    /// - Parameter descriptor: of the file; must stay open as long as the ring exists.
    init?(descriptor: Int32, depth: Int) {
        guard let ring = unsafe read_ring_open(descriptor, UInt32(depth)) else { return nil }
        self.depth = depth
        unsafe self.ring = ring
    }

    deinit { unsafe read_ring_close(ring) }

    /// Makes `serve` look at the queue again. From any thread.
    func wake() { unsafe read_ring_wake(ring) }

    /// Makes the queue's reads until it is stopped. On one thread.
    func serve(_ queue: ReadQueue, _ reads: PlacedReads) {
        var underWay: [Int: ExpertRead] = [:]
        var ended = [read_ring_ended](repeating: read_ring_ended(), count: depth)
        while true {
            begin(queue, reads, &underWay)
            guard !underWay.isEmpty || !queue.isStopped else { return }
            let count = unsafe read_ring_wait(ring, &ended, ended.count)
            // The kernel is short of memory, or a signal came: the reads that were added are still there.
            guard count >= 0 else {
                usleep(1000)
                continue
            }
            let done = ended.prefix(Int(count)).map {
                (underWay.removeValue(forKey: Int($0.token)), $0.result)
            }
            // The disk is kept busy while the finished reads are verified.
            begin(queue, reads, &underWay)
            _ = unsafe read_ring_submit(ring)
            for case (let read?, let result) in done {
                let isWhole = unsafe result == reads.location(of: read).target.count
                queue.finish(read, isWhole ? reads.verify(read) : reads.perform(read) { queue.isStopped })
            }
        }
    }

    /// Adds queued reads, up to `depth` under way.
    private func begin(_ queue: ReadQueue, _ reads: PlacedReads, _ underWay: inout [Int: ExpertRead]) {
        while underWay.count < depth, let read = queue.takeAtOnce() {
            let (target, offset) = unsafe reads.location(of: read)
            underWay[read.place] = read
            unsafe read_ring_add(
                ring, target.baseAddress, UInt32(target.count), UInt64(offset), UInt64(read.place))
        }
    }
}
