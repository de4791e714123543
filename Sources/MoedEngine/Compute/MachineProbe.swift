import CMoedKernels
package import MoedCore
import MoedHost

/// Work that shows what the machine can do at best, on all threads at once. The caller takes the time.
package final class MachineProbe {
    private let pool: WorkerPool
    private let memory: AlignedMemory
    private let sinks: RowBuffer<Float>

    /// - Parameter byteCount: memory to read; several times the last cache level.
    package init(threads: Int, byteCount: Int) throws(EngineError) {
        pool = try WorkerPool(threads: threads)
        memory = try AlignedMemory.allocated(byteCount: byteCount, purpose: "probing the memory")
        sinks = try RowBuffer(rows: 16 * threads, columns: 1, purpose: "probing")
        // Pages never written to are all the same page of zeros.
        unsafe moed_fill_random(memory.base, memory.byteCount, 1, .max, 0)
    }

    /// Kinds of arithmetic.
    package enum Kind: String, Sendable, CaseIterable {
        /// Products of bytes, summed in 32 bits.
        case int8
        case bf16
        case f32
    }

    /// Computes for a while in registers, 16 times `rounds` for each thread.
    ///
    /// - Returns: operations done, a multiply-add counting two; 0 when the processor has no such instructions.
    package func compute(_ kind: Kind, rounds: Int) -> Double {
        // Many items a thread: one that wakes late still does its share of them.
        pool.map(sinks.rows) { item in
            let sink = unsafe sinks.row(item)
            return switch kind {
            case .int8: unsafe moed_probe_int8(rounds, sink)
            case .bf16: unsafe moed_probe_bf16(rounds, sink)
            case .f32: unsafe moed_probe_f32(rounds, sink)
            }
        }.reduce(0, +)
    }

    /// Reads the memory once.
    ///
    /// - Returns: bytes read.
    package func read() -> Int {
        let parts = 8 * pool.threads
        let size = memory.byteCount / parts / 4096 * 4096
        let sums = pool.map(parts) { part in unsafe moed_probe_read(memory.base + part * size, size) }
        // The sum is not needed, but that it was computed is.
        return sums.reduce(0, &+) == 0 ? 0 : parts * size
    }
}
