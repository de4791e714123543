/// Runs jobs, in this process or on a remote server. It owns no lease and knows no SQL.
///
/// A runner answers every started job exactly once, by `refused`, `finished`, `failed`, `stopped` or `returned`.
/// `prepared` may come before.
package protocol JobRunner: AnyObject, Sendable {
    /// Inputs that determine the tokens beside the request.
    ///
    /// Checkpoints of a different origin are not resumed. Nil for a runner that cannot resume.
    var origin: RunnerOrigin? { get }

    /// The same for jobs of adapters; each names its adapter as the model.
    var adapterOrigins: [RunnerOrigin] { get }

    /// Names under which jobs can ask for this runner's models.
    var models: [String] { get }

    /// Number of jobs that could start now. Started jobs reduce it until they end.
    var room: Int { get }

    /// Bytes of request bodies that could start now. Started jobs reduce them until they are prepared.
    var requestRoom: RequestRoom { get }

    /// Room for jobs whose deadline is near, once `room` is used up; nil without such a rule.
    var urgentRoom: UrgentRoom? { get }

    /// True when it asks for the deadlines of queued jobs by `plan`.
    var plansDeadlines: Bool { get }

    /// Receives the deadlines of queued jobs after a poll of the queue. Does not block.
    func plan(_ deadlines: [DeadlineCount])

    /// Starts jobs. Does not block.
    func start(_ jobs: [RunnableJob])

    /// Stops jobs. The runner answers each by `stopped` unless another answer came first. Does not block.
    ///
    /// Unknown jobs are ignored: they have already ended.
    func stop(_ jobs: [JobID])

    /// Interrupts all jobs for a shutdown. The runner reports new tokens as `progressed`, then all jobs as `stopped`.
    ///
    /// No job runs afterwards. Does not block.
    func interrupt()

    /// Allows requests of `opening` events to be sent: they are recorded. Unknown ones are ignored. Does not block.
    func proceed(_ requests: Set<EngineRequest.Key>)

    /// Takes requests of `opening` events back that could exceed the tenant's budget. Does not block.
    func decline(_ requests: Set<EngineRequest.Key>)

    /// True when it may run jobs of a tenant: it has an engine in the house, or one outside that the tenant may use.
    ///
    /// - Parameter mayLeave: column `may_leave` of `moed.tenants`.
    func mayRun(tenant: String, mayLeave: Bool) -> Bool

    /// Engines elsewhere that this runner uses, in their order.
    var endpoints: [EndpointReport] { get }

    /// Ends the pauses of endpoints of these names: each is probed at once. Does not block.
    func endPauses(of names: Set<String>)

    /// Runs until the task is cancelled.
    ///
    /// - Parameter events: receives the events of started jobs, on any thread; must not block.
    func run(_ events: @escaping @Sendable (RunnerEvent) -> Void) async
}

extension JobRunner {
    /// A runner without requests to other engines has nothing to send.
    package func proceed(_ requests: Set<EngineRequest.Key>) {}
    package func decline(_ requests: Set<EngineRequest.Key>) {}
    package func mayRun(tenant: String, mayLeave: Bool) -> Bool { true }
    package var endpoints: [EndpointReport] { [] }
    package var urgentRoom: UrgentRoom? { nil }
    package var plansDeadlines: Bool { false }
    package func plan(_ deadlines: [DeadlineCount]) {}

    /// True when jobs of all tenants can run: an engine of it is in the house.
    package var isHouse: Bool { mayRun(tenant: "", mayLeave: false) }
    package func endPauses(of names: Set<String>) {}
    package var adapterOrigins: [RunnerOrigin] { [] }

    /// Origin of the answers to jobs of a model name.
    package func origin(of model: String) -> RunnerOrigin? {
        adapterOrigins.first { $0.model == model } ?? origin
    }
}

/// A job in the form that a runner starts: a claimed job without its lease.
package struct RunnableJob: Sendable, Equatable {
    package var id: JobID
    package var jobClass: JobClass
    /// Number of the tenant: a runner prepares the jobs of several tenants in turn.
    package var tenant: Int
    package var tenantName = ""
    /// True when the tenant's jobs may go to engines outside of the house.
    package var mayLeave = true
    /// Time from the claim to the deadline; nil without one.
    package var timeLeft: Duration?
    /// Text of the request body; nil when it is longer than the runner's `RequestRoom.bodyMax`.
    package var body: String?
    /// Rules that the request is judged by before it runs.
    package var rules: [ContentRule] = []
    /// Number of the claim. It is part of the names of requests to other servers.
    package var claim: Int64 = 0
    /// Time from the moment the job was due until its claim.
    package var waited: Duration
    /// Checkpointed output tokens of an earlier attempt, by choice. The job continues after them.
    package var saved: [Int: [TokenID]]

    package init(
        id: JobID, jobClass: JobClass, tenant: Int = 0, body: String?, waited: Duration = .zero,
        saved: [Int: [TokenID]] = [:]
    ) {
        self.id = id
        self.jobClass = jobClass
        self.tenant = tenant
        self.body = body
        self.waited = waited
        self.saved = saved
    }
}

/// An event of started jobs.
package enum RunnerEvent: Sendable, Equatable {
    /// No runner can run the request. Tokens that an engine generated for it are wasted.
    case refused(JobID, RequestError, wasted: Usage = Usage())
    /// The request can run, and runs in this mode. It comes before all later events of the job.
    case prepared(JobID, ReasoningMode)
    /// Verdicts of rules about a request that runs nevertheless.
    case judged(JobID, [ContentVerdict])
    /// New output tokens of jobs that are still running.
    case progressed([OutputPiece])
    case finished(JobID, GenerationResult)
    /// The engine could not continue the job.
    case failed(JobID, EngineError, wasted: Usage)
    /// Stopped jobs with their wasted tokens.
    case stopped([JobID: Usage])
    /// Jobs that the runner cannot continue at the moment. All their tokens were reported as `progressed`.
    case returned([JobID])
    /// Requests that wait to be recorded before they are sent; see `JobRunner.proceed`.
    case opening([EngineRequest])
    /// Ends of recorded requests. They may come after the answer of their job.
    case spent([EngineSpending])
}
