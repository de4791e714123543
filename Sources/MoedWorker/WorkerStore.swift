package import MoedCore
package import MoedQueue

/// Statements that a worker sends to the queue. `JobStore` is the real implementation; tests use a scripted one.
package protocol WorkerStore: Sendable {
    func registerWorker(_ worker: WorkerRegistration) async throws(QueueError) -> WorkerID
    func unregister(_ worker: WorkerID) async throws(QueueError)
    /// - Returns: false when the worker was declared dead.
    func beat(_ worker: WorkerID, _ beat: WorkerBeat) async throws(QueueError) -> Bool
    func leases(of worker: WorkerID) async throws(QueueError) -> [JobLease]

    func backlog(models: [String]) async throws(QueueError) -> [ClassBacklog]
    func claim(
        _ worker: WorkerID, _ backlog: ClassBacklog, limit: Int, maxWait: Duration?, computedBy: String?
    ) async throws(QueueError) -> [ClaimedJob]
    func remaining(models: [String]) async throws(QueueError) -> Remaining
    func leftover(models: [String]) async throws(QueueError) -> Leftover

    func complete(_ completions: [JobCompletion]) async throws(QueueError) -> [Disposition]
    func fail(_ failures: [JobFailure]) async throws(QueueError) -> [Disposition]
    func release(_ releases: [JobRelease]) async throws(QueueError) -> [Disposition]
    /// - Returns: jobs that this worker still holds.
    func checkpoint(
        _ checkpoints: [JobCheckpoint], computedBy: String
    ) async throws(QueueError) -> Set<JobID>
    func toBeStopped(_ worker: WorkerID) async throws(QueueError) -> [JobID]

    func maintain() async throws(QueueError) -> MaintenanceReport
    func rescue() async throws(QueueError) -> RescueReport
    func prune(olderThan age: Duration, limit: Int) async throws(QueueError) -> Int

    func close() async
}

extension JobStore: WorkerStore {}
