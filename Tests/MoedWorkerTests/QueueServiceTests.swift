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
        let leases: ScriptedStore

        init(
            room: Int = 4, _ stores: [ScriptedStore], leases: ScriptedStore = ScriptedStore(),
            change: (inout WorkerSettings) -> Void = { _ in }
        ) throws {
            var settings = WorkerSettings(
                conninfo: "", pollInterval: .milliseconds(10), lease: .seconds(3600))
            change(&settings)
            runner = ScriptedRunner(room: room)
            self.leases = leases
            var log = Logger(label: "test")
            log.logLevel = .critical
            let connections = Connections(stores)
            service = QueueService(
                settings: settings, runner: runner, inbox: inbox, progress: ProgressCounter(name: "queue"),
                surroundings: .init(report: report, notifier: try ServiceNotifier(socket: nil), log: log),
                modelName: "m", connections: .init(queue: { try await connections.next() }, lease: { leases }))
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

    @Test func aForbiddenAnswerCountsAsAFailure() async throws {
        let store = ScriptedStore {
            $0.rules = [ContentRule(id: 1, name: "r", sides: [.output], .pattern("^a$"), action: .fail)]
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 1)], []]
            $0.claims[WorkerParts.direct] = [[WorkerParts.job(1)]]
        }
        let scene = try Scene([store]) { $0.drains = true }
        let running = Task { try await scene.group.run() }
        #expect(try await eventually { scene.runner.now.started.count == 1 })
        scene.inbox.put(.runner(.finished(JobID(1), WorkerParts.result())))
        try await running.value
        #expect(store.now.failed.map(\.code) == ["content_policy"] && store.now.completed.isEmpty)
        #expect(store.now.verdicts.map(\.key.rule) == [1])
        #expect(scene.report.current.succeeded == 0 && scene.report.current.failed == 1)
    }

    /// An answer is judged by the rules that stand when it is complete, and nothing is read without an answer or a claim.
    @Test func aRuleThatComesInMidRunJudgesTheAnswer() async throws {
        let store = ScriptedStore {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 1)], []]
            $0.claims[WorkerParts.direct] = [[WorkerParts.job(1)]]
            $0.remaining = Remaining(ready: 0, running: 1, retrying: 0)
        }
        let scene = try Scene([store]) { $0.drains = true }
        let running = Task { try await scene.group.run() }
        #expect(try await eventually { store.now.calls.filter { $0 == "backlog" }.count > 3 })
        #expect(store.now.calls.filter { $0 == "contentRules" }.count == 1)
        store.change {
            $0.rules = [ContentRule(id: 1, name: "r", sides: [.output], .pattern("a"), action: .withhold)]
            $0.errors["contentRules"] = WorkerParts.lockTimeout
        }
        scene.inbox.put(.runner(.finished(JobID(1), WorkerParts.result())))
        // While the table is locked, the answer waits.
        #expect(try await eventually { store.now.calls.filter { $0 == "contentRules" }.count > 2 })
        #expect(store.now.completed.isEmpty && store.now.failed.isEmpty)
        store.change {
            $0.errors = [:]
            $0.remaining = Remaining(ready: 0, running: 0, retrying: 0)
        }
        try await running.value
        #expect(store.now.completed.map(\.finishReason) == [.contentFilter])
        #expect(store.now.verdicts.map(\.key.rule) == [1])
        #expect(scene.report.current.succeeded == 1)
    }

    @Test func aDrainEndsWhenNothingIsLeft() async throws {
        let store = ScriptedStore {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 1)], []]
            $0.claims[WorkerParts.direct] = [[WorkerParts.job(1)]]
        }
        store.change { $0.leftover = Leftover([.paused: 2]) }
        let scene = try Scene([store]) { $0.drains = true }
        let running = Task { try await scene.group.run() }
        #expect(try await eventually { scene.runner.now.started.count == 1 })
        scene.inbox.put(.runner(.finished(JobID(1), WorkerParts.result())))
        try await running.value
        #expect(store.now.completed.map(\.lease.job) == [JobID(1)])
        #expect(store.now.calls.suffix(3) == ["unregister", "leftover", "close"])
        #expect(
            scene.report.current.succeeded == 1 && scene.report.current.leftover == Leftover([.paused: 2]))
        #expect(scene.report.current.drainExitCode == 3)
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

    /// The lease is renewed on its own connection while the other one waits for a statement.
    @Test func theLeaseIsRenewedWhileAStatementHangs() async throws {
        let store = ScriptedStore { $0.hanging = "backlog" }
        let scene = try Scene([store]) { $0.lease = .milliseconds(40) }
        let running = Task { try await scene.group.run() }
        #expect(try await eventually { store.now.calls.last == "backlog" })
        let before = scene.leases.now.calls.count { $0 == "beat" }
        #expect(try await eventually { scene.leases.now.calls.count { $0 == "beat" } > before + 5 })
        #expect(store.now.calls.last == "backlog" && store.now.registrations == 1)
        store.change { $0.hanging = nil }
        await scene.group.triggerGracefulShutdown()
        try await running.value
        #expect(scene.leases.now.calls.last == "close")
    }

    /// Errors of maintenance end neither the round nor the connection.
    @Test func claimsAndResultsGoOnWhileMaintenanceFails() async throws {
        let store = ScriptedStore {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 1)], []]
            $0.claims[WorkerParts.direct] = [[WorkerParts.job(1)]]
            $0.due = [.usage]
            for name in ["usage", "due"] { $0.errors[name] = QueueError(.rightsMissing, "no") }
        }
        let scene = try Scene([store]) { $0.drains = true }
        let running = Task { try await scene.group.run() }
        #expect(try await eventually { scene.runner.now.started.count == 1 })
        scene.inbox.put(.runner(.finished(JobID(1), WorkerParts.result())))
        try await running.value
        #expect(store.now.completed.count == 1 && store.now.calls.count { $0 == "close" } == 1)
        #expect(scene.report.current.maintenanceFailures["usage"] ?? 0 > 0)
    }

    /// Statements that a lock ends are no outage: the connection stays.
    @Test func locksOfOthersAreNoOutage() async throws {
        let names = ["backlog", "remaining", "leases", "firstToken", "toBeStopped"]
        let store = ScriptedStore { script in
            for name in names { script.errors[name] = WorkerParts.lockTimeout }
            script.remaining = Remaining(ready: 1, running: 0, retrying: 0)
            script.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 1)], []]
            script.claims[WorkerParts.direct] = [[WorkerParts.job(1)]]
        }
        let scene = try Scene([store]) { $0.drains = true }
        let running = Task { try await scene.group.run() }
        #expect(try await eventually { store.now.calls.count { $0 == "remaining" } > 2 })
        store.change { $0.errors = [:] }
        #expect(try await eventually { scene.runner.now.started.count == 1 })
        store.change { $0.remaining = Remaining(ready: 0, running: 0, retrying: 0) }
        scene.inbox.put(.runner(.finished(JobID(1), WorkerParts.result())))
        try await running.value
        #expect(store.now.completed.count == 1 && store.now.calls.count { $0 == "close" } == 1)
        #expect(scene.report.current.outage == nil)
    }

    /// A stop does not wait for ever for a locked row.
    @Test func aStopLeavesALockedJobAfterATime() async throws {
        let store = ScriptedStore {
            $0.backlogs = [[WorkerParts.backlog(WorkerParts.direct, 1)], []]
            $0.claims[WorkerParts.direct] = [[WorkerParts.job(1)]]
            $0.dispositions = [JobID(1): .locked]
        }
        let scene = try Scene([store])
        let running = Task { try await scene.group.run() }
        #expect(try await eventually { scene.runner.now.started.count == 1 })
        await scene.group.triggerGracefulShutdown()
        #expect(try await eventually { scene.runner.now.isInterrupted })
        scene.inbox.put(.runner(.stopped([JobID(1): Usage()])))
        #expect(try await eventually { store.now.released.count > 2 })
        store.change { $0.dispositions = [:] }
        try await running.value
        #expect(store.now.calls.suffix(2) == ["unregister", "close"])
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
