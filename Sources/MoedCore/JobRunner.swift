/// Runs jobs, wherever: in this process, or on a server elsewhere. It owns no lease and knows no SQL.
///
/// A runner answers every started job exactly once, by `refused`, `finished`, `failed` or `stopped`.
package protocol JobRunner: AnyObject, Sendable {
    /// Names the weights, formats, tokenizer, template and KV format that tokens depend on beside the request.
    ///
    /// Checkpoints of another origin are not resumed. Nil for a runner that cannot resume.
    var origin: String? { get }

    /// Names under which jobs can ask for this runner's models.
    var models: [String] { get }

    /// Number of jobs that could start now; what was started and has not ended is counted.
    var room: Int { get }

    /// Takes jobs over. Does not block.
    func start(_ jobs: [RunnableJob])

    /// Stops jobs; each is answered by `stopped` unless another answer came first. Does not block.
    ///
    /// Unknown jobs are ignored: they have ended meanwhile.
    func stop(_ jobs: [JobID])

    /// Abandons long work for a shutdown: all new tokens come as `progressed`, then all jobs as `stopped`.
    ///
    /// Nothing runs afterwards. Does not block.
    func interrupt()

    /// Runs until the task is cancelled.
    ///
    /// - Parameter events: takes what happens to the started jobs, from any thread; must not block.
    func run(_ events: @escaping @Sendable (RunnerEvent) -> Void) async
}

/// A job as a runner takes it: a claimed job without its lease.
package struct RunnableJob: Sendable, Equatable {
    package var id: JobID
    package var group: JobGroup
    /// Text of the request body; nil when it is longer than `RequestLimit.bodyBytesMax`.
    package var body: String?
    /// Time between due and claimed.
    package var waited: Duration
    /// Output tokens by choice that an earlier attempt left: the job goes on behind them.
    package var saved: [Int: [TokenID]]

    package init(
        id: JobID, group: JobGroup, body: String?, waited: Duration = .zero, saved: [Int: [TokenID]] = [:]
    ) {
        self.id = id
        self.group = group
        self.body = body
        self.waited = waited
        self.saved = saved
    }
}

/// An event in the life of started jobs.
package enum RunnerEvent: Sendable, Equatable {
    /// The request cannot be run, whoever tries.
    case refused(JobID, RequestError)
    /// New output tokens of jobs that go on.
    case progressed([OutputPiece])
    case finished(JobID, GenerationResult)
    /// The engine could not go on with the job.
    case failed(JobID, EngineError, wasted: Usage)
    /// Jobs that were stopped, with their wasted tokens.
    case stopped([JobID: Usage])
}
