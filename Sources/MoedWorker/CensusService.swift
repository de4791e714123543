package import Logging
import MoedCore
import MoedHost
package import MoedQueue
import ServiceLifecycle

/// Counts the queued jobs from time to time on connections of its own. A million take a second; claims do not wait.
package struct CensusService: Service {
    /// Shortest time between two counts.
    private static let every = Duration.seconds(10)
    /// Counts take at most this part of the time.
    private static let restPerCount = 50

    private let count: @Sendable () async throws -> QueueCensus
    private let report: WorkerReport
    private let log: Logger
    private let pause: @Sendable (Duration) async -> Void

    /// - Parameters:
    ///   - count: counts once; nil connects with `conninfo` and counts the jobs of `models`.
    ///   - pause: waits; it returns early when the task is cancelled.
    package init(
        conninfo: String, models: @escaping @Sendable () -> [String], report: WorkerReport, log: Logger,
        count: (@Sendable () async throws -> QueueCensus)? = nil,
        pause: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }
    ) {
        self.count = count ?? { try await Self.count(conninfo, models()) }
        self.report = report
        self.log = log
        self.pause = pause
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled { await pause(await countOnce()) }
        }
    }

    /// Counts once and returns the time to the next count.
    private func countOnce() async -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        do {
            let census = try await Attempt.cancellable(count)
            report.update { $0.census = census }
        } catch {
            // The queue's own connection reports an outage.
            log.debug("counting queued jobs: \(error)")
        }
        return max(Self.every, (clock.now - start) * Self.restPerCount)
    }

    private static func count(_ conninfo: String, _ models: [String]) async throws -> QueueCensus {
        let store = try await JobStore.connect(conninfo: conninfo, applicationName: "moed census")
        do {
            let census = try await store.census(models: models)
            await store.close()
            return census
        } catch {
            await store.close()
            throw error
        }
    }
}
