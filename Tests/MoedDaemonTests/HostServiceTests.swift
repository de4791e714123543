import MoedReading
import Logging
import MoedCore
import MoedDaemon
import MoedEngine
import MoedLocal
import MoedQueue
import MoedSystemd
import MoedWorker
import Synchronization
import TestSupport
import Testing

/// The host's view of the daemon, without model and database.
@Suite struct HostServiceTests {
    private func service(
        engine: @escaping @Sendable () -> SweepThread.Snapshot = { SweepThread.Snapshot() },
        streaming: @escaping @Sendable () -> StreamingFigures = { StreamingFigures() },
        clamped: @escaping @Sendable () -> Int = { 0 },
        probe: @escaping @Sendable () async -> Void = {}, report: WorkerReport,
        progress: @escaping @Sendable () -> [String: UInt64] = { [:] }, watchdogInterval: Duration? = nil
    ) throws -> HostService {
        HostService(
            sources: .init(engine: engine, streaming: streaming, clamped: clamped, probes: [probe], progress: progress),
            notifier: try ServiceNotifier(socket: nil), report: report, watchdogInterval: watchdogInterval,
            showsProgress: false, log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    /// The worker's row in the database shows the same text and rate as the service manager.
    @Test func statusAndRateReachTheReport() async throws {
        let report = WorkerReport()
        report.update { $0.phase = .running }
        let tokens = Mutex(0)
        let probes = Mutex(0)
        let service = try service(
            engine: {
                var snapshot = SweepThread.Snapshot()
                snapshot.jobs = 3
                snapshot.generatedTokens = tokens.withLock { tokens in
                    tokens += 100
                    return tokens
                }
                return snapshot
            }, probe: { probes.withLock { $0 += 1 } }, report: report)
        let running = Task { try await service.run() }
        #expect(try await eventually { report.current.tokensPerSecond > 0 && probes.withLock { $0 } > 0 })
        #expect(report.current.status.hasPrefix("Running 3"))
        running.cancel()
        try await running.value
    }

    /// A forgotten pause is in the status line, and the queue is counted to its end.
    @Test func pausesAndTheWholeQueueAreShown() async throws {
        let report = WorkerReport()
        var census = QueueCensus()
        census.queued = [JobClass(model: "default", mode: .thinking, bucket: 12): 3500]
        (census.held, census.paused) = (3500, ["all"])
        report.update { [census] in ($0.phase, $0.census) = (.running, census) }
        let service = try service(report: report)
        let running = Task { try await service.run() }
        #expect(try await eventually { report.current.status == "Idle, 3500 queued, paused: all, 0 done" })
        // The poll counts jobs that may start, up to a limit.
        report.update {
            ($0.queued, $0.isQueuedAtLeast) = (256, true)
            $0.census?.held = 0
        }
        #expect(report.current.queuedInAll == 3500)
        report.update {
            ($0.queued, $0.isQueuedAtLeast) = (20, false)
            $0.census?.held = 100
        }
        #expect(report.current.queuedInAll == 120)
        running.cancel()
        try await running.value
    }

    /// A8: a loop that makes no progress is in the status line and in the report, until it moves again.
    @Test func aStuckLoopIsShown() async throws {
        let report = WorkerReport()
        report.update { $0.phase = .running }
        let moves = Mutex<UInt64?>(nil)
        let service = try service(
            report: report,
            progress: {
                let value = moves.withLock { moves in
                    moves = moves.map { $0 + 1 }
                    return moves
                }
                return ["preparation": value ?? 0]
            }, watchdogInterval: .milliseconds(40))
        let running = Task { try await service.run() }
        #expect(try await eventually { report.current.status.hasPrefix("Stuck: preparation has made no progress for") })
        moves.withLock { $0 = 1 }
        #expect(try await eventually { report.current.stuck.isEmpty && report.current.status.hasPrefix("Idle") })
        running.cancel()
        try await running.value
    }

    /// B16: a cache format that cannot hold the model's keys or values is said in the status line.
    @Test func clampedKeysAndValuesAreShown() async throws {
        let report = WorkerReport()
        report.update { $0.phase = .running }
        let service = try service(clamped: { 12 }, report: report)
        let running = Task { try await service.run() }
        #expect(
            try await eventually {
                report.current.status == "Idle, 0 done, 12 keys and values clamped by engine.kv"
            })
        running.cancel()
        try await running.value
    }

    @Test func aDamagedModelEndsTheService() async throws {
        var figures = StreamingFigures()
        (figures.loading, figures.lastFailure, figures.failures) = (
            10, "expert 3: its digest does not match", 1
        )
        let damaged = figures
        let service = try service(streaming: { damaged }, report: WorkerReport())
        let error = await #expect(throws: ConfigurationProblem.self) { try await service.run() }
        #expect(error?.description == "model.path: expert 3: its digest does not match")
    }
}
