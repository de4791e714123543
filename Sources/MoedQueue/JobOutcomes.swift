package import MoedCore

/// A finished job, to be written.
package struct JobCompletion: Sendable {
    package var lease: JobLease
    /// Answer and thinking text of the first choice.
    package var content: String
    package var reasoning: String?
    package var finishReason: FinishReason
    /// Text of the OpenAI chat.completion object with all choices.
    package var body: String
    package var seed: UInt64
    package var warnings: [String]
    package var usage: Usage
    /// From claim to end.
    package var wall: Duration

    package init(
        lease: JobLease, content: String, reasoning: String?, finishReason: FinishReason, body: String,
        seed: UInt64,
        warnings: [String] = [], usage: Usage, wall: Duration
    ) {
        self.lease = lease
        self.content = content
        self.reasoning = reasoning
        self.finishReason = finishReason
        self.body = body
        self.seed = seed
        self.warnings = warnings
        self.usage = usage
        self.wall = wall
    }
}

/// An attempt that failed, to be written.
package struct JobFailure: Sendable {
    package var lease: JobLease
    /// Stable machine-readable reason, e.g. a `RequestError.Code`.
    package var code: String
    package var message: String
    package var param: String?
    /// Whether another attempt may succeed; it starts after a growing pause while attempts are left.
    package var retryable: Bool
    /// What was generated in vain.
    package var usage: Usage
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

    /// A request that cannot be run, whoever tries.
    package init(lease: JobLease, _ error: RequestError) {
        self.init(
            lease: lease, code: error.code.rawValue, message: error.message, param: error.param,
            retryable: false)
    }
}

/// A running job that is given back; one whose cancellation was asked for ends as cancelled.
package struct JobRelease: Sendable {
    package var lease: JobLease
    package var usage: Usage
    package var wall: Duration

    package init(lease: JobLease, usage: Usage = Usage(), wall: Duration = .zero) {
        self.lease = lease
        self.usage = usage
        self.wall = wall
    }
}
