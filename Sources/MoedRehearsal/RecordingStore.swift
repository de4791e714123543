import MoedCore
import MoedQueue
import MoedWorker
import Synchronization

/// A worker's store that remembers claimed jobs and counts committed results.
final class RecordingStore: WorkerStore {
    private struct State {
        var held: [ClaimedJob] = []
        var committed = 0
    }

    let store: JobStore
    private let state = Mutex(State())

    init(_ store: JobStore) { self.store = store }

    var held: [ClaimedJob] { state.withLock { $0.held } }

    /// Returns the claimed jobs and forgets them.
    func takeHeld() -> [ClaimedJob] {
        state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
    }

    func forget(_ jobs: Set<JobID>) { state.withLock { $0.held.removeAll { jobs.contains($0.id) } } }

    /// Number of results committed since the last call.
    func takeCommitted() -> Int {
        state.withLock { state in
            defer { state.committed = 0 }
            return state.committed
        }
    }

    func claim(
        _ worker: WorkerID, _ backlog: ClassBacklog, limit: Int, room: RequestRoom, maxWait: Duration?,
        computedBy: String?, only filter: ClaimFilter
    ) async throws(QueueError) -> [ClaimedJob] {
        let claimed = try await store.claim(
            worker, backlog, limit: limit, room: room, maxWait: maxWait, computedBy: computedBy, only: filter)
        state.withLock { $0.held += claimed }
        return claimed
    }

    func complete(_ completions: [JobCompletion]) async throws(QueueError) -> [Disposition] {
        let dispositions = try await store.complete(completions)
        state.withLock { $0.committed += dispositions.count { $0 == .committed } }
        return dispositions
    }

    func contentRules() async throws(QueueError) -> [ContentRule] { try await store.contentRules() }
    func record(_ verdicts: [RecordedVerdict]) async throws(QueueError) { try await store.record(verdicts) }
    func registerWorker(_ worker: WorkerRegistration) async throws(QueueError) -> WorkerID {
        try await store.registerWorker(worker)
    }
    func deadlines(models: [String]) async throws(QueueError) -> [DeadlineCount] {
        try await store.deadlines(models: models)
    }
    func registerModels(_ worker: WorkerID, _ models: [String]) async throws(QueueError) -> Bool {
        try await store.registerModels(worker, models)
    }
    func recordRequests(
        _ requests: [EngineRequest], by worker: WorkerID
    ) async throws(QueueError) -> RecordedRequests { try await store.recordRequests(requests, by: worker) }
    func recordSpending(_ spending: [EngineSpending]) async throws(QueueError) -> Set<EngineRequest.Key> {
        try await store.recordSpending(spending)
    }
    func reportEndpoints(_ worker: WorkerID, _ endpoints: [EndpointReport]) async throws(QueueError) {
        try await store.reportEndpoints(worker, endpoints)
    }
    func cooldownEnds() async throws(QueueError) -> [String: Int64] { try await store.cooldownEnds() }
    func registerOrigin(_ origin: RunnerOrigin) async throws(QueueError) { try await store.registerOrigin(origin) }
    func firstToken(of worker: WorkerID) async throws(QueueError) -> Int64 {
        try await store.firstToken(of: worker)
    }
    func unregister(_ worker: WorkerID) async throws(QueueError) { try await store.unregister(worker) }
    func beat(_ worker: WorkerID, _ beat: WorkerBeat) async throws(QueueError) -> Bool {
        try await store.beat(worker, beat)
    }
    func leases(of worker: WorkerID) async throws(QueueError) -> [JobLease] {
        try await store.leases(of: worker)
    }
    func backlog(models: [String]) async throws(QueueError) -> [ClassBacklog] {
        try await store.backlog(models: models)
    }
    func remaining(models: [String]) async throws(QueueError) -> Remaining {
        try await store.remaining(models: models)
    }
    func leftover(models: [String]) async throws(QueueError) -> Leftover {
        try await store.leftover(models: models)
    }
    func fail(_ failures: [JobFailure]) async throws(QueueError) -> [Disposition] {
        try await store.fail(failures)
    }
    func release(_ releases: [JobRelease]) async throws(QueueError) -> [Disposition] {
        try await store.release(releases)
    }
    func checkpoint(
        _ checkpoints: [JobCheckpoint], computedBy: String
    ) async throws(QueueError) -> CheckpointAnswer {
        try await store.checkpoint(checkpoints, computedBy: computedBy)
    }
    func toBeStopped(_ worker: WorkerID) async throws(QueueError) -> [JobID] {
        try await store.toBeStopped(worker)
    }
    func dueMaintenance() async throws(QueueError) -> [MaintenanceStep] { try await store.dueMaintenance() }
    func maintain(_ step: MaintenanceStep) async throws(QueueError) -> MaintenanceReport {
        try await store.maintain(step)
    }
    func rescue() async throws(QueueError) -> RescueReport { try await store.rescue() }
    func prune(olderThan age: Duration, limit: Int) async throws(QueueError) -> Int {
        try await store.prune(olderThan: age, limit: limit)
    }
    func close() async { await store.close() }
}
