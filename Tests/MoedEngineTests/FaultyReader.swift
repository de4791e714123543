import MoedReading
import Glibc
import MoedCore
import MoedEngine
import MoedWeights
import Synchronization

/// A value that a test passes between threads. Only one thread uses it at a time.
struct UncheckedBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}

/// Reader of a pack's file that injects faults by the number of the read.
final class FaultyReader: ExpertReader {
    enum Fault { case error, damage, delay }

    private struct State {
        var offsets: [Int] = []
        var fault: (@Sendable (Int) -> Fault?)?
        var isOnce = false
        /// Offsets at which the last read failed.
        var failed: Set<Int> = []
        var isHeld = false
        var waiting = 0
    }

    private let file: DirectFile
    private let state = Mutex(State())

    init(_ path: String) throws { file = try DirectFile(path) }

    /// - Parameter once: true lets a failed read succeed when it is repeated, in any order of the threads.
    func set(once: Bool = false, _ fault: @escaping @Sendable (Int) -> Fault?) {
        state.withLock { ($0.fault, $0.isOnce) = (fault, once) }
    }
    /// Start offsets of the reads so far, in order.
    var offsets: [Int] { state.withLock { $0.offsets } }
    func hold() { state.withLock { $0.isHeld = true } }
    func letGo() { state.withLock { $0.isHeld = false } }
    func waitUntilHeld() async {
        while state.withLock({ $0.waiting }) == 0 { try? await Task.sleep(for: .milliseconds(5)) }
    }

    var version: [Int] { file.version }
    var access: String { "test" }

    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(EngineError) {
        if state.withLock({ $0.isHeld }) {
            state.withLock { $0.waiting += 1 }
            while state.withLock({ $0.isHeld }) { usleep(2000) }
        }
        let fault = state.withLock { state in
            state.offsets.append(offset)
            if state.isOnce, state.failed.remove(offset) != nil { return nil as Fault? }
            let fault = state.fault?(state.offsets.count)
            if fault == .error || fault == .damage { state.failed.insert(offset) }
            return fault
        }
        if fault == .error { throw EngineError(.io, "experts.bin: Input/output error") }
        if fault == .delay { usleep(UInt32(target.count / 50)) }
        try unsafe file.read(into: target, at: offset)
        if fault == .damage { unsafe target[100] ^= 4 }
    }
}
