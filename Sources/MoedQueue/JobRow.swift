package import MoedCore
package import MoedPostgres

/// A row of `moed.worker`: one start of a daemon.
package struct WorkerID: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: Int64
    package init(_ rawValue: Int64) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
}

/// The right to one attempt of a job. A write with a token that is no longer the job's changes nothing.
package struct JobLease: Hashable, Sendable {
    package var job: JobID
    package var token: Int64

    package init(job: JobID, token: Int64) {
        self.job = job
        self.token = token
    }
}

/// A job that this worker is now running.
package struct ClaimedJob: Sendable, Equatable {
    package var lease: JobLease
    /// Number of this attempt, from 1.
    package var attempt: Int
    /// Times a worker died while running it. In bucket −1 it must run alone.
    package var crashes: Int
    package var group: JobGroup
    package var tenant: String
    /// Number of the tenant.
    package var tenantID: Int
    /// Text of the request body, as it was stored; nil when it is longer than `RequestLimit.bodyBytesMax`.
    package var body: String?
    /// How long it was due before it was claimed.
    package var waited: Duration
    /// Output tokens by choice that an earlier attempt left in checkpoints.
    package var saved: [Int: [TokenID]]

    package var id: JobID { lease.job }

    package init(
        lease: JobLease, attempt: Int, crashes: Int, group: JobGroup, tenant: String, tenantID: Int,
        body: String?, waited: Duration, saved: [Int: [TokenID]] = [:]
    ) {
        self.lease = lease
        self.attempt = attempt
        self.crashes = crashes
        self.group = group
        self.tenant = tenant
        self.tenantID = tenantID
        self.body = body
        self.waited = waited
        self.saved = saved
    }
}

extension Collection where Element == ClaimedJob {
    /// How many there are of each tenant, by its number.
    package var countByTenant: [Int: Int] { reduce(into: [:]) { $0[$1.tenantID, default: 0] += 1 } }
}

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

/// What became of a fenced write.
package enum Disposition: Sendable, Equatable {
    case committed
    /// The same write had been committed before: it was repeated after a lost answer.
    case already
    /// The lease was lost; nothing was written.
    case stale
    /// PostgreSQL cannot store it (a text beyond a gigabyte, say): nothing was written, and repeating will not help.
    case refused(DatabaseError)
}
