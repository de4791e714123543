package import MoedCore

/// A job that this worker is now running.
package struct ClaimedJob: Sendable, Equatable {
    package var lease: JobLease
    /// Number of this attempt, from 1.
    package var attempt = 1
    /// Times a worker died while running it. In bucket −1 it must run alone.
    package var crashes = 0
    package var jobClass: JobClass
    package var tenant: String
    /// Number of the tenant.
    package var tenantID: Int
    /// Text of the request body, as it was stored; nil when it is longer than `RequestLimit.bodyBytesMax`.
    package var body: String?
    /// Time from when it was due to its claim.
    package var waited: Duration
    /// Output tokens by choice that an earlier attempt left in checkpoints.
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
    /// Jobs per tenant, by the number of the tenant.
    package var countByTenant: [Int: Int] { reduce(into: [:]) { $0[$1.tenantID, default: 0] += 1 } }
}
