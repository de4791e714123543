import CReadRing
import Glibc

/// Reads made through io_uring: one thread has them all under way.
///
/// Only what goes well goes this way. A read that fails or ends early is made again by `ReadDesk.perform`, with its
/// patience and its messages.
@safe package final class ReadRing {
    /// Whoever reads the file; the descriptor is open as long as it is.
    private let file: any ExpertReader
    private let depth: Int
    private let ring: OpaquePointer

    /// Nil where the kernel has no io_uring or forbids it.
    ///
    /// - Parameter descriptor: of the file.
    init?(_ file: any ExpertReader, descriptor: Int32, depth: Int) {
        guard let ring = unsafe read_ring_open(descriptor, UInt32(depth)) else { return nil }
        self.file = file
        self.depth = depth
        unsafe self.ring = ring
    }

    deinit { unsafe read_ring_close(ring) }

    /// There is something at the desk. From any thread.
    func wake() { unsafe read_ring_wake(ring) }

    /// Makes the desk's reads until it stops. On one thread.
    func serve(_ desk: ReadDesk) {
        var underWay: [Int: ExpertSlots.Read] = [:]
        var ended = [read_ring_ended](repeating: read_ring_ended(), count: depth)
        while true {
            begin(desk, &underWay)
            guard !underWay.isEmpty || !desk.isStopped else { return }
            let count = unsafe read_ring_wait(ring, &ended, ended.count)
            // The kernel is short of memory, or a signal came: what was added is still there.
            guard count >= 0 else {
                usleep(1000)
                continue
            }
            let reads = ended.prefix(Int(count)).map {
                (underWay.removeValue(forKey: Int($0.token)), $0.result)
            }
            // The disk is kept busy while what has come is verified.
            begin(desk, &underWay)
            _ = unsafe read_ring_submit(ring)
            for case (let read?, let result) in reads {
                let isWhole = unsafe result == desk.place(of: read).target.count
                desk.finish(read, isWhole ? desk.verify(read) : desk.perform(read))
            }
        }
    }

    /// Adds what the desk has, as much as may be under way.
    private func begin(_ desk: ReadDesk, _ underWay: inout [Int: ExpertSlots.Read]) {
        while underWay.count < depth, let read = desk.takeAtOnce() {
            let (target, offset) = unsafe desk.place(of: read)
            underWay[read.slot] = read
            unsafe read_ring_add(
                ring, target.baseAddress, UInt32(target.count), UInt64(offset), UInt64(read.slot))
        }
    }
}
