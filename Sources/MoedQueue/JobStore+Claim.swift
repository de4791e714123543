package import MoedCore
import MoedPostgres

extension JobStore {
    /// Reads the backlog of one job class and claims up to `limit` of its queued jobs for this worker.
    package func claim(
        _ worker: WorkerID, _ jobClass: JobClass, limit: Int, maxWait: Duration? = nil, computedBy: String? = nil
    ) async throws(QueueError) -> [ClaimedJob] {
        guard let backlog = try await backlog(models: [jobClass.model]).first(where: { $0.jobClass == jobClass })
        else {
            return []
        }
        return try await claim(worker, backlog, limit: limit, maxWait: maxWait, computedBy: computedBy)
    }

    /// Maximum number of successive claims: the later ones redistribute jobs that tenants with few jobs left unused.
    private static let passesMax = 4

    /// Claims up to `limit` queued jobs of one job class for this worker, as `FairShare` distributes them.
    ///
    /// Jobs that other workers are claiming at the same time are skipped. A worker that was declared dead gets none.
    ///
    /// - Parameter backlog: a recent backlog of the job class. Jobs before its heads are not found.
    /// - Parameter room: bytes of bodies that are fetched; a longer body than `bodyMax` stays nil.
    /// - Parameter maxWait: a job that has been ready for this long comes first; see `FairShare`.
    /// - Parameter filter: jobs of the class that are taken.
    /// - Parameter computedBy: origin of tokens: checkpoints of this origin come with the jobs; see `checkpoint`.
    package func claim(
        _ worker: WorkerID, _ backlog: ClassBacklog, limit: Int, room: RequestRoom = .unlimited,
        maxWait: Duration? = nil, computedBy: String? = nil, only filter: ClaimFilter = .all
    ) async throws(QueueError) -> [ClaimedJob] {
        let limit = min(limit, Self.rowsPerStatementMax)
        var share = FairShare(backlog, maxWait: maxWait)
        var claimed: [ClaimedJob] = []
        // The first claim nearly always finds all jobs. When a tenant has fewer, the next claim gives its share to
        // others.
        var room = room
        for pass in 0..<Self.passesMax
        where claimed.count < (pass == 0 ? limit : min(limit, backlog.queued)) && room.bytes > 0 {
            let portions = share.portions(limit - claimed.count)
            guard !portions.isEmpty else { break }
            let result = try await query(
                Self.claim(worker, backlog.jobClass, portions, room, filter, computedBy: computedBy?.withoutNUL))
            let jobs = try await jobs(result, of: backlog.jobClass)
            let order = jobs.map { (turn: share.turn(of: $0.rank, tenant: $0.job.tenantID), job: $0.job) }
                .sorted { ($0.turn, $0.job.id.rawValue) < ($1.turn, $1.job.id.rawValue) }
                .map(\.job)
            claimed += order
            room.bytes -= order.reduce(0) { $0 + ($1.body?.utf8.count ?? 0) }
            share.took(order.countByTenant)
        }
        return claimed
    }

    /// Reads the rows of a claim. A job with malformed checkpoints fails and is left out; the other jobs run.
    private func jobs(
        _ result: QueryResult, of jobClass: JobClass
    ) async throws(QueueError) -> [(rank: Int, job: ClaimedJob)] {
        let rows = try await decode(result) { row throws(DatabaseError) in
            (
                rank: try row.value("rank", as: Int.self), job: try Self.claimedJob(row, of: jobClass),
                saved: try row.optional("saved", as: String.self)
            )
        }
        var jobs: [(rank: Int, job: ClaimedJob)] = []
        var damaged: [JobFailure] = []
        for (rank, job, saved) in rows {
            var job = job
            do throws(DatabaseError) {
                job.saved = try SavedOutput.tokens(json: saved)
                jobs.append((rank, job))
            } catch {
                damaged.append(
                    JobFailure(
                        lease: job.lease, code: "engine_error", message: error.message, retryable: false))
            }
        }
        if !damaged.isEmpty { _ = try await fail(damaged) }
        return jobs
    }

    private static func claimedJob(_ row: Row, of jobClass: JobClass) throws(DatabaseError) -> ClaimedJob {
        var job = ClaimedJob(
            lease: JobLease(job: JobID(try row.value("id")), token: try row.value("lease_token")),
            jobClass: jobClass, tenant: try row.value("tenant"), tenantID: try row.value("tenant_id"),
            body: try row.optional("body"),
            waited: .milliseconds(try row.value("waited_ms", as: Int64.self)))
        job.mayLeave = try row.value("may_leave")
        job.timeLeft = try row.optional("left_ms", as: Int64.self).map { .milliseconds($0) }
        job.attempt = try row.value("attempt")
        job.crashes = try row.value("crashes")
        return job
    }

    private static func claim(
        _ worker: WorkerID, _ jobClass: JobClass, _ portions: [FairShare.Portion], _ room: RequestRoom,
        _ filter: ClaimFilter, computedBy: String?
    ) -> SQL {
        SQL(
            .claim,
            [
                .value(worker.rawValue), .value(jobClass.model.withoutNUL), .value(jobClass.mode.rawValue),
                .value(jobClass.bucket),
                .value(SQLArray(portions.map { Int32(clamping: $0.head.tenant) })),
                .value(SQLArray(portions.map { Int32(clamping: $0.head.urgency) })),
                .value(SQLArray(portions.map(\.head.job.rawValue))), .value(SQLArray(portions.map(\.most))),
                .value(SQLArray(portions.map(\.tenantMost))), .value(room.bodyMax),
                .value(computedBy), .value(room.bytes), .value(filter.isHouse),
                .value(filter.dueWithin?.milliseconds),
            ])
    }
}
