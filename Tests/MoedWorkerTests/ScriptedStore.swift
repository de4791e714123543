import MoedCore
import MoedPostgres
import MoedQueue
import MoedWorker
import Synchronization

/// A worker's store without a database: it answers from a script and records the calls.
final class ScriptedStore: WorkerStore {
    struct Script {
        /// Calls in their order, by name.
        var calls: [String] = []
        /// Answers to polls, the last one for all further polls.
        var backlogs: [[ClassBacklog]] = [[]]
        /// Answers to claims, by job class; other claims are answered with no job.
        var claims: [JobClass: [[ClaimedJob]]] = [:]
        var claimFilters: [ClaimFilter] = []
        var deadlines: [DeadlineCount] = []
        var claimLimits: [Int] = []
        /// Answers to renewals; true when none is left.
        var beats: [Bool] = []
        var lastBeat: WorkerBeat?
        var leases: [JobLease] = []
        var toBeStopped: [JobID] = []
        /// Jobs whose checkpoints are refused.
        var lost: Set<JobID> = []
        var dispositions: [JobID: Disposition] = [:]
        var completed: [JobCompletion] = []
        var failed: [JobFailure] = []
        var released: [JobRelease] = []
        var checkpoints: [JobCheckpoint] = []
        var endpoints: [EndpointReport] = []
        var cooldownEnds: [String: Int64] = [:]
        /// Jobs whose requests would exceed a budget.
        var overBudget: Set<JobID> = []
        var opened: [EngineRequest] = []
        var spent: [EngineSpending] = []
        var rules: [ContentRule] = []
        var verdicts: [RecordedVerdict] = []
        var due: [MaintenanceStep] = []
        var maintenance: [MaintenanceStep: MaintenanceReport] = [:]
        /// Errors of calls by name, and of steps of maintenance by theirs; they last.
        var errors: [String: QueueError] = [:]
        /// Jobs whose checkpoints meet a lock.
        var locked: Set<JobID> = []
        /// Answers to registrations of models; true when none is left.
        var modelRegistrations: [Bool] = []
        var pruned: [Int] = []
        var remaining = Remaining(ready: 0, running: 0, retrying: 0)
        var leftover = Leftover()
        var registrations = 0
        var origins: [RunnerOrigin] = []
        /// Calls of this name wait until it is changed.
        var hanging: String?
        /// The next call of this name fails as over a lost connection.
        var failing: String?
    }

    private let script: Mutex<Script>

    init(_ change: (inout Script) -> Void = { _ in }) {
        var first = Script()
        change(&first)
        script = Mutex(first)
    }

    var now: Script { script.withLock { $0 } }
    func change(_ body: (inout Script) -> Void) { script.withLock { body(&$0) } }

    private func answer<R: Sendable>(
        _ name: String, _ body: @Sendable (inout Script) -> R
    ) throws(QueueError) -> R {
        let (result, fails, error) = script.withLock { script -> (R?, Bool, QueueError?) in
            script.calls.append(name)
            if let error = script.errors[name] { return (nil, true, error) }
            guard script.failing != name else {
                script.failing = nil
                return (nil, true, nil)
            }
            return (body(&script), false, nil)
        }
        if let error { throw error }
        guard let result, !fails else {
            throw QueueError(DatabaseError(.connectionLost, "the connection was lost"))
        }
        return result
    }

    func registerWorker(_ worker: WorkerRegistration) async throws(QueueError) -> WorkerID {
        try answer("register") {
            $0.registrations += 1
            return WorkerID(Int64($0.registrations))
        }
    }
    func registerModels(_ worker: WorkerID, _ models: [String]) async throws(QueueError) -> Bool {
        try answer("registerModels") {
            $0.modelRegistrations.isEmpty ? true : $0.modelRegistrations.removeFirst()
        }
    }
    func registerOrigin(_ origin: RunnerOrigin) async throws(QueueError) {
        try answer("registerOrigin") { $0.origins.append(origin) }
    }
    func firstToken(of worker: WorkerID) async throws(QueueError) -> Int64 {
        try answer("firstToken") { _ in 5 }
    }
    func unregister(_ worker: WorkerID) async throws(QueueError) { try answer("unregister") { _ in } }
    func beat(_ worker: WorkerID, _ beat: WorkerBeat) async throws(QueueError) -> Bool {
        try answer("beat") {
            $0.lastBeat = beat
            return $0.beats.isEmpty ? true : $0.beats.removeFirst()
        }
    }
    func leases(of worker: WorkerID) async throws(QueueError) -> [JobLease] {
        try answer("leases") { $0.leases }
    }
    func backlog(models: [String]) async throws(QueueError) -> [ClassBacklog] {
        let classes = try answer("backlog") {
            $0.backlogs.count > 1 ? $0.backlogs.removeFirst() : $0.backlogs[0]
        }
        while now.hanging == "backlog" { try? await Task.sleep(for: .milliseconds(1)) }
        return classes
    }
    func claim(
        _ worker: WorkerID, _ backlog: ClassBacklog, limit: Int, room: RequestRoom, maxWait: Duration?,
        computedBy: String?, only filter: ClaimFilter
    ) async throws(QueueError) -> [ClaimedJob] {
        try answer("claim") {
            $0.claimLimits.append(limit)
            $0.claimFilters.append(filter)
            guard let next = $0.claims[backlog.jobClass]?.first else { return [] }
            $0.claims[backlog.jobClass]?.removeFirst()
            return Array(next.prefix(limit))
        }
    }
    func deadlines(models: [String]) async throws(QueueError) -> [DeadlineCount] {
        try answer("deadlines") { $0.deadlines }
    }
    func remaining(models: [String]) async throws(QueueError) -> Remaining {
        try answer("remaining") { $0.remaining }
    }
    func leftover(models: [String]) async throws(QueueError) -> Leftover {
        try answer("leftover") { $0.leftover }
    }
    func complete(_ completions: [JobCompletion]) async throws(QueueError) -> [Disposition] {
        try answer("complete") { script in
            script.completed += completions
            return completions.map { script.dispositions[$0.lease.job] ?? .committed }
        }
    }
    func fail(_ failures: [JobFailure]) async throws(QueueError) -> [Disposition] {
        try answer("fail") { script in
            script.failed += failures
            return failures.map { script.dispositions[$0.lease.job] ?? .committed }
        }
    }
    func release(_ releases: [JobRelease]) async throws(QueueError) -> [Disposition] {
        try answer("release") { script in
            script.released += releases
            return releases.map { script.dispositions[$0.lease.job] ?? .committed }
        }
    }
    func checkpoint(
        _ checkpoints: [JobCheckpoint], computedBy: String
    ) async throws(QueueError) -> CheckpointAnswer {
        try answer("checkpoint") { script in
            script.checkpoints += checkpoints
            let going = Set(checkpoints.map(\.lease.job)).subtracting(script.lost)
            return CheckpointAnswer(
                written: going.subtracting(script.locked), locked: going.intersection(script.locked))
        }
    }
    func recordRequests(
        _ requests: [EngineRequest], by worker: WorkerID
    ) async throws(QueueError) -> RecordedRequests {
        try answer("recordRequests") { script in
            script.opened += requests
            let held = Set(requests.map(\.key)).filter { !script.lost.contains($0.job) }
            let declined = held.filter { script.overBudget.contains($0.job) }
            return RecordedRequests(open: held.subtracting(declined), declined: declined)
        }
    }
    func recordSpending(_ spending: [EngineSpending]) async throws(QueueError) -> Set<EngineRequest.Key> {
        try answer("recordSpending") { script in
            script.spent += spending.filter { !script.locked.contains($0.key.job) }
            return Set(spending.map(\.key)).filter { script.locked.contains($0.job) }
        }
    }
    func reportEndpoints(_ worker: WorkerID, _ endpoints: [EndpointReport]) async throws(QueueError) {
        try answer("reportEndpoints") { $0.endpoints = endpoints }
    }
    func cooldownEnds() async throws(QueueError) -> [String: Int64] { try answer("cooldownEnds") { $0.cooldownEnds } }
    func toBeStopped(_ worker: WorkerID) async throws(QueueError) -> [JobID] {
        try answer("toBeStopped") { $0.toBeStopped }
    }
    func contentRules() async throws(QueueError) -> [ContentRule] { try answer("contentRules") { $0.rules } }
    func record(_ verdicts: [RecordedVerdict]) async throws(QueueError) {
        try answer("record") { $0.verdicts += verdicts }
    }
    func dueMaintenance() async throws(QueueError) -> [MaintenanceStep] { try answer("due") { $0.due } }
    func maintain(_ step: MaintenanceStep) async throws(QueueError) -> MaintenanceReport {
        try answer(step.rawValue) { $0.maintenance[step] ?? MaintenanceReport() }
    }
    func rescue() async throws(QueueError) -> RescueReport { try answer("rescue") { _ in RescueReport() } }
    func prune(olderThan age: Duration, limit: Int) async throws(QueueError) -> Int {
        try answer("prune") { $0.pruned.isEmpty ? 0 : $0.pruned.removeFirst() }
    }
    func close() async { script.withLock { $0.calls.append("close") } }
}
