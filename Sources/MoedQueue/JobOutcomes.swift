package import MoedCore

/// The end of an attempt: the values of `moed.job_attempt.outcome`.
package enum AttemptOutcome: String, Sendable, CaseIterable {
    case succeeded
    /// The attempt failed, and so did the job.
    case failed
    /// The attempt failed, and the job runs again.
    case retried
    /// The job returned to the queue without using an attempt.
    case released
    case cancelled
    /// The worker died during the attempt.
    case lost
}

/// Mode, model and origin that computed an attempt's tokens. Of an unknown one the account takes what the job asks for.
package struct Computation: Sendable, Equatable {
    /// Mode in which it ran.
    package var mode: ReasoningMode?
    /// Name of the model that ran.
    package var model: String?
    /// Digest of the origin, registered by `registerOrigin` under this model.
    package var origin: String?

    package init(mode: ReasoningMode? = nil, model: String? = nil, origin: String? = nil) {
        self.mode = mode
        self.model = model
        self.origin = origin
    }
}

/// An ended attempt, to be written by its worker.
protocol AttemptEnd: Sendable {
    var lease: JobLease { get }
    /// Token counts of the attempt.
    var usage: Usage { get }
    /// Time from claim to end.
    var wall: Duration { get }
    var computation: Computation { get }
    /// Number of bytes of its texts, counted against `JobStore.bytesPerStatementMax`.
    var textBytes: Int { get }
}

extension AttemptEnd {
    var textBytes: Int { 0 }
}

/// A finished job, to be written.
package struct JobCompletion: AttemptEnd {
    package var lease: JobLease
    /// Answer and thinking text of the first choice.
    package var content: String
    package var reasoning: String?
    package var finishReason: FinishReason
    /// Text of the OpenAI chat.completion object with all choices.
    package var body: String
    package var seed: UInt64
    package var warnings: [String] = []
    /// True when `max_tokens` or the end of the context ended a choice.
    package var isTruncated: Bool
    /// True when a choice's answer has no text.
    package var isEmpty: Bool
    package var computation = Computation()
    package var usage: Usage
    /// Counts of an endpoint that told no token ids; `usage` is empty then.
    package var told: ToldUsage?
    /// Time from claim to end.
    package var wall = Duration.zero

    package init(
        lease: JobLease, content: String, reasoning: String?, finishReason: FinishReason, body: String,
        seed: UInt64, usage: Usage
    ) {
        self.lease = lease
        self.content = content
        self.reasoning = reasoning
        self.finishReason = finishReason
        self.body = body
        self.seed = seed
        self.usage = usage
        isTruncated = finishReason == .length
        isEmpty = content.allSatisfy(\.isWhitespace)
    }

    var textBytes: Int { content.utf8.count + (reasoning?.utf8.count ?? 0) + body.utf8.count }
}

/// An attempt that failed, to be written.
package struct JobFailure: AttemptEnd {
    package var lease: JobLease
    /// Stable machine-readable reason, e.g. a `RequestError.Code`.
    package var code: String
    package var message: String
    package var param: String?
    /// True when another attempt may succeed. While attempts are left, it starts after a growing pause.
    package var retryable: Bool
    /// Wasted tokens.
    package var usage: Usage
    package var computation = Computation()
    package var wall: Duration

    package init(
        lease: JobLease, code: String, message: String, param: String? = nil, retryable: Bool,
        usage: Usage = Usage(), wall: Duration = .zero
    ) {
        self.lease = lease
        self.code = code
        self.message = message
        self.param = param
        self.retryable = retryable
        self.usage = usage
        self.wall = wall
    }

    /// Failure of a request that no worker can run.
    package init(lease: JobLease, _ error: RequestError) {
        self.init(
            lease: lease, code: error.code.rawValue, message: error.message, param: error.param,
            retryable: false)
    }
}

/// Return of a running job to the queue. If its cancellation was requested, it ends as cancelled.
package struct JobRelease: AttemptEnd {
    package var lease: JobLease
    package var usage: Usage
    package var computation = Computation()
    package var wall: Duration

    package init(lease: JobLease, usage: Usage = Usage(), wall: Duration = .zero) {
        self.lease = lease
        self.usage = usage
        self.wall = wall
    }
}
