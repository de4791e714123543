import Logging
import MoedCore
import MoedQueue
import MoedWorker
import Synchronization
import TestSupport
import Testing

/// Notifications without a database.
@Suite struct ListenServiceTests {
    /// Gives one answer after another, then waits until it is cancelled.
    private actor Notifications: JobNotifications {
        nonisolated let isPooled: Bool
        private var answers: [Result<Bool, QueueError>]
        private(set) var isClosed = false

        init(_ answers: [Result<Bool, QueueError>], isPooled: Bool = false) {
            self.answers = answers
            self.isPooled = isPooled
        }

        func next(timeout: Duration) async throws(QueueError) -> Bool {
            guard !answers.isEmpty else {
                // Ends with the task.
                try? await Task.sleep(for: .seconds(3600))
                return false
            }
            return try answers.removeFirst().get()
        }

        func close() { isClosed = true }
    }

    private static let lost = QueueError(.database, "the connection was lost")

    private func run(
        _ connections: [Notifications], failures: Int = 0, until isDone: (Inbox, Int) async -> Bool
    ) async throws {
        let inbox = Inbox()
        let attempts = Mutex(0)
        let service = ListenService(
            conninfo: "", inbox: inbox, log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            connect: {
                let attempt = attempts.withLock { attempts in
                    attempts += 1
                    return attempts
                }
                guard attempt > failures else { throw Self.lost }
                return connections[min(attempt - failures, connections.count) - 1]
            })
        let running = Task { try await service.run() }
        let isOver = try await eventually { await isDone(inbox, attempts.withLock { $0 }) }
        #expect(isOver)
        running.cancel()
        try await running.value
    }

    private func notified(_ inbox: Inbox) -> Int {
        inbox.takeAll().count { if case .notified = $0 { true } else { false } }
    }

    /// A job may have been committed before the connection listened: connecting counts as a notification.
    @Test func connectingAndEachNotificationWakeTheQueue() async throws {
        var count = 0
        try await run([Notifications([.success(true), .success(false), .success(true)])]) { inbox, _ in
            count += notified(inbox)
            return count == 3
        }
    }

    @Test func aLostConnectionIsOpenedAnew() async throws {
        var count = 0
        let connections = [Notifications([.failure(Self.lost)]), Notifications([.success(true)])]
        try await run(connections, failures: 1) { inbox, attempts in
            count += notified(inbox)
            return count == 3 && attempts == 3
        }
    }
}
