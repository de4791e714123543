package import MoedReading
import MoedEngine
import MoedCaching
import MoedHost
import MoedWeights

/// Description of expert reads between two moments, for the status line and the log.
package struct StreamingText: Sendable {
    package var before: StreamingFigures
    package var now: StreamingFigures
    package var seconds: Double

    package init(before: StreamingFigures, now: StreamingFigures, seconds: Double) {
        self.before = before
        self.now = now
        self.seconds = seconds
    }

    /// Status text: “disk 1.3 GB/s, 48 % of experts in memory (saturated)” or “48 % of experts loaded”. Nil when no
    /// expert was needed.
    package var status: String? {
        if now.isLoading, let all = now.loading { return "\(now.bytesRead * 100 / all) % of experts loaded" }
        let (hits, misses) = (now.hits - before.hits, now.misses - before.misses)
        guard hits + misses > 0, seconds > 0 else { return nil }
        let rate = Double(now.bytesRead - before.bytesRead) / seconds / 1e9
        return "disk \(HumanText.rounded(rate, digits: 2)) GB/s, "
            + "\(hits * 100 / (hits + misses)) % of experts in memory (\(now.regime.rawValue))"
    }

    /// Log line when the cache changes its regime or all experts are in memory; nil otherwise.
    package var change: String? {
        if before.isLoading, !now.isLoading { return "all experts are in memory" }
        guard now.switches != before.switches, let distinct = now.distinct else { return nil }
        return "expert cache: \(now.regime.rawValue), a sweep uses \(Int(distinct.rounded())) experts, "
            + "\(now.capacity) can be kept"
    }

    /// Log line when a read of an expert failed; nil otherwise.
    package var failure: String? {
        guard now.failures != before.failures, let reason = now.lastFailure else { return nil }
        return "\(now.failures) reads of experts failed so far; the last one: \(reason)"
    }

    /// Log lines at the start: the disk access, and the bytes of experts still to load.
    package static func start(_ figures: StreamingFigures) -> [String?] {
        let loading = figures.loading.map {
            "\(HumanText.bytes($0)) of experts come into memory beside the first jobs"
        }
        return [figures.disk.map(disk), loading]
    }

    /// Log text about the disk access that was found at the start.
    package static func disk(_ report: DiskReport) -> String {
        "experts are read by \(report.access) and \(report.method), \(report.depth) at a time, "
            + "\(HumanText.rounded(report.bytesPerSecond / 1e9, digits: 2)) GB/s in the probe"
    }
}
