package import MoedCore

/// Job that this worker has claimed and runs.
package struct ClaimedJob: Sendable, Equatable {
    package var lease: JobLease
    /// Number of this attempt, from 1.
    package var attempt = 1
    /// Number of workers that died while running the job. In bucket −1 it must run alone.
    package var crashes = 0
    package var jobClass: JobClass
    package var tenant: String
    /// Id of the tenant.
    package var tenantID: Int
    /// True when the tenant's jobs may go to engines outside of the house.
    package var mayLeave = true
    /// Text of the request body as stored; nil when it is longer than the claim's `RequestRoom.bodyMax`.
    package var body: String?
    /// Time from the claim to the deadline; nil without one.
    package var timeLeft: Duration?
    /// Time from the job's due time to its claim.
    package var waited: Duration
    /// Checkpointed output tokens of an earlier attempt, by choice.
    package var saved: [Int: [TokenID]] = [:]

    package var id: JobID { lease.job }

    package init(
        lease: JobLease, jobClass: JobClass, tenant: String, tenantID: Int, body: String?, waited: Duration
    ) {
        self.lease = lease
        self.jobClass = jobClass
        self.tenant = tenant
        self.tenantID = tenantID
        self.body = body
        self.waited = waited
    }
}

extension Collection where Element == ClaimedJob {
    /// Number of jobs per tenant, by tenant id.
    package var countByTenant: [Int: Int] { reduce(into: [:]) { $0[$1.tenantID, default: 0] += 1 } }
}
