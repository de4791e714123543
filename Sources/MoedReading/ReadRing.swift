import CReadRing
import Glibc
import MoedCaching

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

    /// Errors of the kernel that pass: a signal, or memory that is short.
    private static let passingErrors: Set<Int32> = [EINTR, EAGAIN, EBUSY, ENOMEM]
    /// Failures in a row, a millisecond apart, after which the ring is given up.
    private static let failuresMax = 1000

    /// Makes the queue's reads until it is stopped. On one thread.
    ///
    /// - Returns: false when the kernel serves the ring no more. No read is under way then, and the queue goes on.
    func serve(_ queue: ReadQueue, _ reads: PlacedReads) -> Bool {
        var underWay: [Int: ExpertRead] = [:]
        var ended = [read_ring_ended](repeating: read_ring_ended(), count: depth)
        var failures = 0
        while true {
            begin(queue, reads, &underWay)
            guard !underWay.isEmpty || !queue.isStopped else { return true }
            let count = unsafe read_ring_wait(ring, &ended, ended.count)
            guard count >= 0 else {
                failures += 1
                guard Self.passingErrors.contains(-count), failures < Self.failuresMax else {
                    giveUp(queue, reads, underWay)
                    return false
                }
                usleep(1000)
                continue
            }
            failures = 0
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

    /// Ends the reads that were handed to a ring that has failed: one after the other, without it.
    private func giveUp(_ queue: ReadQueue, _ reads: PlacedReads, _ underWay: [Int: ExpertRead]) {
        // The kernel ends within a moment the reads that it has begun; until then the memory is the kernel's.
        var begun = max(0, underWay.count - Int(unsafe read_ring_unsubmitted(ring)))
        var ended = [read_ring_ended](repeating: read_ring_ended(), count: depth)
        for _ in 0..<Self.failuresMax where begun > 0 {
            begun -= max(0, Int(unsafe read_ring_take(ring, &ended, ended.count)))
            usleep(1000)
        }
        for read in underWay.values { queue.finish(read, reads.perform(read) { queue.isStopped }) }
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
