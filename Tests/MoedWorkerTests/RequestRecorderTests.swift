import Logging
import MoedCore
import MoedQueue
import MoedWorker
import Testing

/// Requests to endpoints are recorded in batches, openings first.
@Suite struct RequestRecorderTests {
    private static func request(_ job: Int64, _ segment: Int = 0) -> EngineRequest {
        EngineRequest(
            key: .init(job: JobID(job), claim: job, segment: segment), choice: 0, firstToken: 0, prompt: 3, endpoint: "e",
            api: "tokens", name: "moed-\(job)")
    }

    private static func end(_ job: Int64) -> EngineSpending {
        EngineSpending(key: request(job).key, outcome: "finished", source: .usage)
    }

    private static func recorder(_ parts: WorkerParts) -> RequestRecorder {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return RequestRecorder(parts.state, log: log)
    }

    @Test func recordedRequestsProceed() async throws {
        let (store, parts) = (ScriptedStore(), WorkerParts())
        let recorder = Self.recorder(parts)
        parts.state.requests.opening([Self.request(1), Self.request(2)])
        parts.state.requests.spent([Self.end(1)])
        // Nothing is written while the worker is not registered.
        parts.state.worker = nil
        try await recorder.write(store)
        #expect(store.now.calls.isEmpty && parts.state.hasWrites)
        parts.state.worker = WorkerID(1)
        try await recorder.write(store)
        #expect(store.now.calls.suffix(2) == ["recordRequests", "recordSpending"])
        #expect(parts.runner.now.proceeded == [Self.request(1).key, Self.request(2).key])
        #expect(!parts.state.hasWrites)
    }

    /// The job is another worker's: it is stopped here, and its request is not sent.
    @Test func aRefusedRequestStopsItsJob() async throws {
        let (store, parts) = (ScriptedStore { $0.lost = [JobID(1)] }, WorkerParts())
        let recorder = Self.recorder(parts)
        for id in [1, 2] as [Int64] { parts.state.jobs.claimed(WorkerParts.job(id, token: id), at: .zero) }
        parts.state.requests.opening([Self.request(1), Self.request(2)])
        try await recorder.write(store)
        #expect(parts.runner.now.stopped == [JobID(1)])
        #expect(parts.runner.now.proceeded == [Self.request(2).key])
    }

    @Test func whatIsLockedIsWrittenLater() async throws {
        let (store, parts) = (ScriptedStore { $0.locked = [JobID(1)] }, WorkerParts())
        let recorder = Self.recorder(parts)
        parts.state.requests.spent([Self.end(1), Self.end(2)])
        try await recorder.write(store)
        #expect(store.now.spent.map(\.key.job) == [JobID(2)] && parts.state.requests.spending.count == 1)
        store.change { $0.locked = [] }
        try await recorder.write(store)
        #expect(store.now.spent.count == 1)
        parts.pass(.seconds(1))
        try await recorder.write(store)
        #expect(store.now.spent.count == 2 && parts.state.requests.isEmpty)
    }

    /// A locked table delays only the account.
    @Test func aLockedTableIsNoOutage() async throws {
        let (store, parts) = (
            ScriptedStore { $0.errors = ["recordRequests": WorkerParts.lockTimeout] }, WorkerParts())
        let recorder = Self.recorder(parts)
        parts.state.requests.opening([Self.request(1)])
        try await recorder.write(store)
        #expect(parts.state.requests.openings.count == 1 && parts.runner.now.proceeded.isEmpty)
        store.change { $0.errors = [:] }
        parts.pass(.seconds(1))
        try await recorder.write(store)
        #expect(parts.runner.now.proceeded.count == 1)
    }

    /// A request beyond a budget is taken back by the runner, and its job goes on.
    @Test func aRequestBeyondTheBudgetIsDeclined() async throws {
        let (store, parts) = (ScriptedStore { $0.overBudget = [JobID(1)] }, WorkerParts())
        for id in [1, 2] as [Int64] { parts.state.jobs.claimed(WorkerParts.job(id, token: id), at: .zero) }
        parts.state.requests.opening([Self.request(1), Self.request(2)])
        try await Self.recorder(parts).write(store)
        #expect(parts.runner.now.declined == [Self.request(1).key] && parts.runner.now.proceeded == [Self.request(2).key])
        #expect(parts.runner.now.stopped.isEmpty)
    }

    /// Jobs of tenants that may not leave the house are left to other workers.
    @Test func barredTenantsAreNotClaimed() async throws {
        var mine = ClassBacklog.Tenant(id: 1, weight: 1)
        var theirs = ClassBacklog.Tenant(id: 2, weight: 1)
        (mine.name, theirs.name, theirs.mayLeave) = ("a", "b", false)
        var backlog = WorkerParts.backlog(WorkerParts.direct, 5)
        backlog.tenants = [mine, theirs]
        backlog.heads = [1, 2].map { .init(tenant: $0, urgency: 0, job: JobID(Int64($0)), age: .zero) }
        var all = backlog
        #expect(all.drop { !$0.mayLeave } && all.heads.map(\.tenant) == [1] && all.tenants == [mine] && all.queued == 5)
        backlog.tenants = [theirs]
        backlog.heads.removeFirst()
        let (store, parts) = (ScriptedStore { $0.backlogs = [[backlog]] }, WorkerParts())
        try await parts.claimer.look(store)
        #expect(!parts.claimer.leavesAll)
        parts.runner.change { $0.barred = ["b"] }
        try await parts.claimer.look(store)
        #expect(parts.claimer.leavesAll)
        guard case .nothing = try await parts.claimer.claimNext(store, room: 4) else {
            Issue.record("it claims")
            return
        }
    }
}
