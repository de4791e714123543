import Logging
import MoedCore
import MoedHost
import MoedQueue

/// Tells the life of each job: a line in the log for each change of its state, and the figures of all jobs.
struct JobStory {
    private let state: WorkerState
    private let report: WorkerReport
    private let log: Logger

    init(_ state: WorkerState, report: WorkerReport, log: Logger) {
        self.state = state
        self.report = report
        self.log = log
    }

    func claimed(_ job: ClaimedJob) {
        report.update { $0.figures.claimed(job.jobClass.mode, waited: job.waited) }
        let crashes = job.crashes > 0 ? ", \(job.crashes) workers died while running it" : ""
        tell("claimed", job.id, "job claimed: attempt \(job.attempt)\(crashes)")
    }

    func started(_ job: JobID, _ mode: ReasoningMode) {
        tell("started", job, "job started: \(mode.rawValue)")
    }

    func checkpointed(_ jobs: Set<JobID>) {
        guard log.logLevel <= .debug else { return }
        for job in jobs.sorted() {
            log.debug("job checkpointed", metadata: ["job_id": "\(job)", "event": "checkpointed"])
        }
    }

    /// An end of an attempt that the database has confirmed.
    ///
    /// - Parameter other: outcome that differs from the write's own.
    func ended(_ write: PendingWrite, as other: AttemptOutcome?) {
        switch write {
        case .completion(let completion): succeeded(completion)
        case .failure(let failure): failed(failure, other)
        case .release(let release):
            let outcome = other ?? .released
            note(outcome.rawValue, code: outcome == .failed ? "expired" : nil, wasted: release.usage)
            let reason =
                switch outcome {
                case .cancelled: "its cancellation was asked for"
                case .failed: "it is past its deadline"
                default: "it goes on later, and no attempt is used"
                }
            tell(outcome.rawValue, release.lease.job, "job \(outcome.rawValue): \(reason)")
        }
    }

    /// Logs the sum of the last minute where lines were left out.
    func summarise() {
        if let text = state.pace.summary(at: state.now) { log.info("\(text)", metadata: ["event": "summary"]) }
    }

    private func succeeded(_ completion: JobCompletion) {
        let mode = completion.computation.mode ?? .thinking
        report.update {
            $0.figures.succeeded(mode, completion.wall, completion.told.map(Self.usage) ?? completion.usage)
        }
        let tokens = completion.told?.completion ?? completion.usage.completion
        tell(
            "succeeded", completion.lease.job,
            "job succeeded: \(tokens) tokens, \(completion.finishReason.rawValue), "
                + "\(HumanText.setting(.seconds(Int(completion.wall.seconds))))")
    }

    private func failed(_ failure: JobFailure, _ other: AttemptOutcome?) {
        let outcome = other ?? .failed
        note(outcome.rawValue, code: failure.code, wasted: failure.usage)
        let ending = outcome == .retried ? "it runs again" : "it ends"
        tell(
            outcome.rawValue, failure.lease.job, "job \(outcome.rawValue): \(failure.code), \(ending)",
            level: failure.retryable ? .warning : .info, code: failure.code)
    }

    /// Counts that an endpoint told; those that it did not tell are zero.
    private static func usage(_ told: ToldUsage) -> Usage {
        var usage = Usage()
        usage.prompt = told.prompt ?? 0
        usage.cachedPrompt = told.cachedPrompt ?? 0
        usage.thinking = told.thinking ?? 0
        usage.answer = told.thinking == nil ? told.completion ?? 0 : told.answer ?? 0
        return usage
    }

    private func note(_ outcome: String, code: String?, wasted: Usage) {
        report.update {
            $0.figures.ended(outcome, code: code)
            $0.figures.wasted(wasted)
        }
    }

    private func tell(
        _ event: String, _ job: JobID, _ text: String, level: Logger.Level = .info, code: String? = nil
    ) {
        var metadata: Logger.Metadata = ["job_id": "\(job)", "event": "\(event)"]
        if let code { metadata["code"] = "\(code)" }
        let isShown = state.pace.takes(event, at: state.now)
        log.log(level: isShown || level > .info ? level : .debug, "\(text)", metadata: metadata)
    }
}
