import Logging
import MoedCore
import MoedQueue
import MoedWorker
import Synchronization
import TestSupport
import Testing

/// The count of the queue reaches the report, whatever becomes of single counts.
@Suite struct CensusServiceTests {
    @Test func countsReachTheReport() async throws {
        let report = WorkerReport()
        let counts = Mutex(0)
        let pauses = Mutex<[Duration]>([])
        let service = CensusService(
            conninfo: "", models: { [] }, report: report,
            log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            count: {
                let count = counts.withLock { count in
                    count += 1
                    return count
                }
                // The second count fails; the report keeps the first one.
                guard count != 2 else { throw QueueError(.database, "the connection was lost") }
                var census = QueueCensus()
                census.held = count
                return census
            },
            pause: { length in
                pauses.withLock { $0.append(length) }
                await Task.yield()
            })
        let running = Task { try await service.run() }
        #expect(try await eventually { (report.current.census?.held ?? 0) > 2 })
        running.cancel()
        try await running.value
        #expect(pauses.withLock { $0.allSatisfy { $0 >= .seconds(10) } })
    }
}
