package import MoedCore

/// A row of `moed.worker`: one start of a daemon.
package struct WorkerID: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: Int64
    package init(_ rawValue: Int64) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
}

/// The right to one attempt of a job. A write whose token is not the job's current one changes nothing.
package struct JobLease: Hashable, Sendable {
    package var job: JobID
    package var token: Int64

    package init(job: JobID, token: Int64) {
        self.job = job
        self.token = token
    }
}
