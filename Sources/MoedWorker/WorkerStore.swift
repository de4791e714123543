package import MoedCore
package import MoedQueue

/// The statement that renews a lease. `JobStore` is the real implementation; tests use a scripted one.
package protocol LeaseStore: Sendable {
    /// - Returns: false when the worker was declared dead.
    func beat(_ worker: WorkerID, _ beat: WorkerBeat) async throws(QueueError) -> Bool

    func close() async
}

/// Statements that a worker sends to the queue. `JobStore` is the real implementation; tests use a scripted one.
package protocol WorkerStore: LeaseStore {
    func registerWorker(_ worker: WorkerRegistration) async throws(QueueError) -> WorkerID
    /// - Returns: true when all names are registered.
    func registerModels(_ worker: WorkerID, _ models: [String]) async throws(QueueError) -> Bool
    func registerOrigin(_ origin: RunnerOrigin) async throws(QueueError)
    func unregister(_ worker: WorkerID) async throws(QueueError)
    func firstToken(of worker: WorkerID) async throws(QueueError) -> Int64
    func leases(of worker: WorkerID) async throws(QueueError) -> [JobLease]

    func backlog(models: [String]) async throws(QueueError) -> [ClassBacklog]
    func claim(
        _ worker: WorkerID, _ backlog: ClassBacklog, limit: Int, room: RequestRoom, maxWait: Duration?,
        computedBy: String?, only filter: ClaimFilter
    ) async throws(QueueError) -> [ClaimedJob]
    func deadlines(models: [String]) async throws(QueueError) -> [DeadlineCount]
    func remaining(models: [String]) async throws(QueueError) -> Remaining
    func leftover(models: [String]) async throws(QueueError) -> Leftover

    func complete(_ completions: [JobCompletion]) async throws(QueueError) -> [Disposition]
    func fail(_ failures: [JobFailure]) async throws(QueueError) -> [Disposition]
    func release(_ releases: [JobRelease]) async throws(QueueError) -> [Disposition]
    func checkpoint(
        _ checkpoints: [JobCheckpoint], computedBy: String
    ) async throws(QueueError) -> CheckpointAnswer
    /// - Returns: requests that may be sent, and those beyond a budget.
    func recordRequests(
        _ requests: [EngineRequest], by worker: WorkerID
    ) async throws(QueueError) -> RecordedRequests
    /// - Returns: requests whose row is locked.
    func recordSpending(_ spending: [EngineSpending]) async throws(QueueError) -> Set<EngineRequest.Key>
    func reportEndpoints(_ worker: WorkerID, _ endpoints: [EndpointReport]) async throws(QueueError)
    /// - Returns: time of the last call of `moed.clear_cooldown()` by endpoint.
    func cooldownEnds() async throws(QueueError) -> [String: Int64]
    func toBeStopped(_ worker: WorkerID) async throws(QueueError) -> [JobID]

    /// Rules of `moed.policy` that are in force.
    func contentRules() async throws(QueueError) -> [ContentRule]
    func record(_ verdicts: [RecordedVerdict]) async throws(QueueError)

    func dueMaintenance() async throws(QueueError) -> [MaintenanceStep]
    func maintain(_ step: MaintenanceStep) async throws(QueueError) -> MaintenanceReport
    func rescue() async throws(QueueError) -> RescueReport
    func prune(olderThan age: Duration, limit: Int) async throws(QueueError) -> Int
}

extension JobStore: WorkerStore {}
