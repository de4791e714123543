package import MoedCaching
package import MoedCore
import MoedWeights
import Synchronization

/// The way experts are read on this machine, found at the start.
package struct DiskReport: Sendable, Equatable {
    /// “O_DIRECT”, or the reason against it.
    package var access: String
    /// “io_uring” or “reading threads”.
    package var method: String
    /// Reads under way at once.
    package var depth: Int
    /// Rate of the probe at that depth; 0 when there was too little to read.
    package var bytesPerSecond: Double

    package init(access: String, method: String, depth: Int, bytesPerSecond: Double) {
        self.access = access
        self.method = method
        self.depth = depth
        self.bytesPerSecond = bytesPerSecond
    }
}

/// Figures of expert streaming since the engine was made.
package struct StreamingFigures: Sendable, Equatable {
    package var disk: DiskReport?
    /// Experts that layers of sweeps needed: `hits` were kept in memory, `misses` had to be read.
    package var hits = 0
    package var misses = 0
    package var bytesRead = 0
    /// Bytes of all experts when each is read once, while sweeps run already; nil when they are read again and again.
    package var loading: Int?
    /// Experts that could not be read, and the reason of the last one.
    package var failures = 0
    package var lastFailure: String?
    /// Time that the sweep had nothing to compute.
    package var waited = Duration.zero
    /// Time that at least one read was under way, up to the last layer.
    package var reading = Duration.zero
    package var regime = ExpertCachePolicy.Regime.smallBatch
    /// Changes of the regime.
    package var switches = 0
    /// Experts of a sweep, averaged over the last ones, and experts that can be kept.
    package var distinct: Double?
    package var capacity = 0

    package var hitRate: Double? { hits + misses > 0 ? Double(hits) / Double(hits + misses) : nil }

    /// True while experts are still on their way into memory.
    package var isLoading: Bool { loading.map { bytesRead < $0 } ?? false }

    /// The last failure of a model whose experts could not all be loaded.
    package var damage: String? { loading != nil ? lastFailure : nil }

    package init() {}
}

/// Keeps the figures where other threads can read them.
package final class StreamingMeter: Sendable {
    private let figures = Mutex(StreamingFigures())

    package init() {}

    package var current: StreamingFigures { figures.withLock { $0 } }

    package func began(disk: DiskReport) { figures.withLock { $0.disk = disk } }
    /// From any thread.
    @Sendable package func read(_ bytes: Int) { figures.withLock { $0.bytesRead += bytes } }
    package func began(loading bytes: Int) { figures.withLock { $0.loading = bytes } }

    package func failed(_ error: EngineError) {
        figures.withLock {
            $0.failures += 1
            $0.lastFailure = error.message
        }
    }

    package func waits(_ body: () -> Void) {
        let start = ContinuousClock.now
        body()
        let time = ContinuousClock.now - start
        figures.withLock { $0.waited += time }
    }

    package func layerEnded(_ cache: ExpertCacheState, reading: Duration) {
        figures.withLock {
            $0.reading = reading
            ($0.hits, $0.misses) = (cache.hits, cache.misses)
            ($0.distinct, $0.capacity) = (cache.policy.distinct, cache.policy.capacity)
            if $0.regime != cache.policy.regime {
                $0.regime = cache.policy.regime
                $0.switches += 1
            }
        }
    }
}
