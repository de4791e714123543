import Logging
import MoedCore
import MoedQueue
import MoedSystemd
import MoedWorker
import ServiceLifecycle
import TestSupport
import Testing

/// The life of a worker's connections, over a scripted store and runner.
@Suite struct QueueServiceTests {
    private struct Scene {
        let runner: ScriptedRunner
        let inbox = Inbox()
        let report = WorkerReport()
        let service: QueueService
        let group: ServiceGroup

        init(
            room: Int = 4, _ stores: [ScriptedStore], change: (inout WorkerSettings) -> Void = { _ in }
        ) throws {
            var settings = WorkerSettings(
                conninfo: "", pollInterval: .milliseconds(10), lease: .seconds(3600))
            change(&settings)
            runner = ScriptedRunner(room: room)
            var log = Logger(label: "test")
            log.logLevel = .critical
            let connections = Connections(stores)
            service = QueueService(
                settings: settings, runner: runner, inbox: inbox, progress: ProgressCounter(name: "queue"),
                surroundings: .init(report: report, notifier: try ServiceNotifier(socket: nil), log: log),
                modelName: "m", connect: { try await connections.next() })
            group = ServiceGroup(
                configuration: .init(
                    services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                    logger: log))
        }
    }

    /// Returns the stores one after another, then the last one again. Without stores the server is away.
    private actor Connections {
        private var stores: [ScriptedStore]
        init(_ stores: [ScriptedStore]) { self.stores = stores }
        func next() throws -> any WorkerStore {
            guard !stores.isEmpty else { throw QueueError(.database, "the server is away") }
            return stores.count > 1 ? stores.removeFirst() : stores[0]
        }
    }

    @Test func aDrainEndsWhenNothingIsLeft() async throws {
        let store = ScriptedStore {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 1)], []]
            $0.claims[WorkerParts.direct] = [[WorkerParts.job(1)]]
        }
        let scene = try Scene([store]) { $0.drains = true }
        let running = Task { try await scene.group.run() }
        #expect(try await eventually { scene.runner.now.started.count == 1 })
        scene.inbox.put(.runner(.finished(JobID(1), WorkerParts.result())))
        try await running.value
        #expect(store.now.completed.map(\.lease.job) == [JobID(1)])
        #expect(store.now.calls.suffix(2) == ["unregister", "close"] && scene.report.current.succeeded == 1)
    }

    /// The jobs go on in the runner while the database is away, and their results wait.
    @Test func resultsWaitForTheNextConnection() async throws {
        let first = ScriptedStore {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 1)], []]
            $0.claims[WorkerParts.direct] = [[WorkerParts.job(1)]]
            $0.remaining = Remaining(ready: 0, running: 1, retrying: 0)
        }
        let second = ScriptedStore()
        let scene = try Scene([first, second]) { $0.drains = true }
        let running = Task { try await scene.group.run() }
        #expect(try await eventually { scene.runner.now.started.count == 1 })
        first.change { $0.failing = "complete" }
        scene.inbox.put(.runner(.finished(JobID(1), WorkerParts.result())))
        try await running.value
        #expect(first.now.completed.isEmpty && second.now.completed.map(\.lease.job) == [JobID(1)])
        // The worker stays registered over both connections.
        #expect(first.now.registrations == 1 && second.now.registrations == 0)
        #expect(scene.runner.now.stopped.isEmpty)
    }

    /// The runner gives everything back: checkpoints are written, then the leases are released.
    @Test func theEndOfTheGraceSavesTokensAndReleases() async throws {
        let store = ScriptedStore {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 2)], []]
            $0.claims[WorkerParts.direct] = [[WorkerParts.job(1), WorkerParts.job(2)]]
        }
        let scene = try Scene([store])
        let running = Task { try await scene.group.run() }
        #expect(try await eventually { scene.runner.now.started.count == 2 })
        await scene.group.triggerGracefulShutdown()
        #expect(try await eventually { scene.runner.now.isInterrupted })
        scene.inbox.put(
            .runner(.progressed([OutputPiece(job: JobID(1), choice: 0, firstToken: 0, tokens: [7])])))
        var wasted = Usage()
        wasted.answer = 5
        scene.inbox.put(.runner(.stopped([JobID(1): wasted, JobID(2): Usage()])))
        try await running.value
        #expect(store.now.checkpoints.map(\.tokens) == [[7]])
        // The tokens are saved, not wasted.
        #expect(store.now.released.map(\.lease.job) == [JobID(1), JobID(2)])
        #expect(store.now.released.allSatisfy { $0.usage == Usage() })
        let ends = ["checkpoint", "release", "unregister", "close"]
        #expect(store.now.calls.filter(ends.contains) == ends)
    }

    @Test func withoutADatabaseItStopsAfterTheGrace() async throws {
        let scene = try Scene([])
        let running = Task { try await scene.group.run() }
        #expect(try await eventually { scene.report.current.outage != nil })
        await scene.group.triggerGracefulShutdown()
        try await running.value
        #expect(scene.report.current.phase == .stopping)
    }
}
