import Glibc
package import MoedEngine
import MoedHost

/// Peak rates of this machine with a number of threads, measured in the same run as the benchmark.
package struct MachinePeaks: Sendable, Equatable {
    /// Operations per second with int8, bf16 and f32; a multiply-add counts as two. 0 when the processor has no such
    /// instructions.
    package var int8: Double
    package var bf16: Double
    package var f32: Double
    /// Bytes read from memory per second.
    package var read: Double

    package init(int8: Double, bf16: Double, f32: Double, read: Double) {
        self.int8 = int8
        self.bf16 = bf16
        self.f32 = f32
        self.read = read
    }

    /// Time for which each peak is measured; longer than the kernel needs to give each thread its own core.
    private static let patience = Duration.milliseconds(100)

    /// Measures each peak as the best of many passes shorter than 1 ms, so that disturbed passes do not count.
    package static func measure(_ probe: MachineProbe) -> MachinePeaks {
        func best(_ kind: MachineProbe.Kind) -> Double {
            let end = ContinuousClock.now + patience
            var best = 0.0
            repeat {
                best = max(best, rate { probe.compute(kind, rounds: 50_000) })
            } while best > 0 && ContinuousClock.now < end
            return best
        }
        return MachinePeaks(int8: best(.int8), bf16: best(.bf16), f32: best(.f32), read: readRate(probe))
    }

    /// Better value of each peak of two measurements.
    package static func better(_ a: MachinePeaks, _ b: MachinePeaks) -> MachinePeaks {
        MachinePeaks(
            int8: max(a.int8, b.int8), bf16: max(a.bf16, b.bf16), f32: max(a.f32, b.f32),
            read: max(a.read, b.read))
    }

    /// Bytes read from memory per second, the best of ten passes. The rate changes within minutes on virtual machines,
    /// so each measurement takes it again.
    package static func readRate(_ probe: MachineProbe) -> Double {
        (0..<10).map { _ in rate { Double(probe.read()) } }.max() ?? 0
    }

    private static func rate(_ body: () -> Double) -> Double {
        let start = ContinuousClock.now
        let amount = body()
        return amount / max((ContinuousClock.now - start).seconds, 1e-9)
    }

    package enum Bound: String, Sendable {
        case compute, memory
    }

    /// Minimum time of a cost, and the resource that limits it. Formats without instructions of their own are computed
    /// as f32.
    package func limit(_ cost: SweepCost) -> (seconds: Double, bound: Bound) {
        let compute =
            cost.integerOperations / (int8 > 0 ? int8 : f32) + cost.bf16Operations / (bf16 > 0 ? bf16 : f32)
            + cost.f32Operations / f32
        let memory = cost.bytes / read
        return compute > memory ? (compute, .compute) : (memory, .memory)
    }
}

/// Share of the machine that other processes use during a measurement. Figures from a busy machine are less reliable.
package struct OtherWork {
    private let start = ContinuousClock.now
    private let busyAtStart = Self.busySeconds
    private let ownAtStart = Self.ownSeconds

    package init() {}

    /// Share of all processors, 0…1; nil when the system does not report it.
    package var share: Double? {
        guard let before = busyAtStart, let now = Self.busySeconds else { return nil }
        let seconds =
            (ContinuousClock.now - start).seconds * Double(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        guard seconds > 0 else { return nil }
        return min(1, max(0, (now - before - (Self.ownSeconds - ownAtStart)) / seconds))
    }

    private static var ownSeconds: Double { Double(clock()) / 1e6 }

    /// User, nice, system, interrupt and stolen time of all processors, from the first line of /proc/stat.
    private static var busySeconds: Double? {
        // The share is only a note beside the figures, so a missing file is no error.
        guard let text = try? WholeFile.read("/proc/stat", bytesMax: 1 << 22) else { return nil }
        let line = String(decoding: text.prefix { $0 != 10 }, as: UTF8.self)
        let ticks = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard ticks.count >= 8 else { return nil }
        return (ticks[0...2] + ticks[5...7]).reduce(0, +) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
