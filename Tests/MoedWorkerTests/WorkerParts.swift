import Logging
import MoedCore
import MoedPostgres
import MoedQueue
import MoedWorker
import Synchronization

/// The parts of one worker over a scripted store, with a clock that the test sets.
final class WorkerParts {
    let runner: ScriptedRunner
    let state: WorkerState
    let lease: LeaseKeeper
    let claimer: JobClaimer
    let outcomes: OutcomeWriter
    let maintenance: QueueMaintenance
    let report = WorkerReport()
    private final class Clock: Sendable { let now = Mutex(Duration.zero) }
    private let clock = Clock()
    let workerLease: WorkerLease

    static let thinking = JobClass(model: "default", mode: .thinking, bucket: 5)
    static let direct = JobClass(model: "default", mode: .nonThinking, bucket: 5)
    static let quarantine = JobClass(model: "default", mode: .nonThinking, bucket: JobClass.quarantine)

    /// - Parameter log: nil logs nothing.
    init(room: Int = 8, origin: String? = "test", log given: Logger? = nil, _ change: (inout WorkerSettings) -> Void = { _ in }) {
        var settings = WorkerSettings(conninfo: "", lease: .seconds(20), maxWait: .seconds(60), claimMax: 4)
        change(&settings)
        runner = ScriptedRunner(room: room, origin: origin)
        var silent = Logger(label: "test")
        silent.logLevel = .critical
        let log = given ?? silent
        state = WorkerState(
            settings: settings, runner: runner, modelName: "m", clock: { [clock] in clock.now.withLock { $0 } })
        workerLease = WorkerLease(
            length: settings.lease, runner: runner, report: report, clock: state.clock)
        lease = LeaseKeeper(state, lease: workerLease, log: log)
        claimer = JobClaimer(state, report: report, log: log)
        outcomes = OutcomeWriter(state, report: report, log: log)
        maintenance = QueueMaintenance(state, report: report, log: log)
        state.worker = WorkerID(1)
        workerLease.registered(WorkerID(1), at: .zero)
    }

    func pass(_ time: Duration) { clock.now.withLock { $0 += time } }

    static let lockTimeout = QueueError(DatabaseError(.timeout, sqlState: "55P03", "lock timeout"))

    static func job(_ id: Int64, _ jobClass: JobClass = direct, token: Int64 = 1) -> ClaimedJob {
        ClaimedJob(
            lease: JobLease(job: JobID(id), token: token), jobClass: jobClass,
            tenant: "default", tenantID: 1, body: "{}", waited: .zero)
    }

    static func backlog(_ jobClass: JobClass, _ queued: Int) -> ClassBacklog {
        ClassBacklog(jobClass: jobClass, queued: queued, oldestAge: .zero)
    }

    static func result(_ text: String = "a") -> GenerationResult {
        var usage = Usage()
        (usage.prompt, usage.answer) = (3, 2)
        let choice = GenerationChoice(
            index: 0, content: text, reasoning: nil, finishReason: .stop, outputIDs: [1, 2])
        return GenerationResult(choices: [choice], usage: usage, seed: 9)
    }
}
