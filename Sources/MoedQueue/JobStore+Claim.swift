package import MoedCore
import MoedPostgres

/// What a draining worker may still have to run.
package struct Remaining: Sendable, Equatable {
    /// Queued, or scheduled and due; counted up to a limit.
    package var ready: Int
    /// Running on this or another worker: they come back when that worker fails.
    package var running: Int
    /// Waiting for another attempt.
    package var retrying: Int

    package init(ready: Int, running: Int, retrying: Int) {
        self.ready = ready
        self.running = running
        self.retrying = retrying
    }

    package var isEmpty: Bool { ready == 0 && running == 0 && retrying == 0 }
}

extension JobStore {
    /// Queued jobs counted per group: enough to see that a batch can be filled. Counting is most of a look.
    package static let backlogCountMax = 256

    /// The groups that have queued jobs of these models, with how many (up to `backlogCountMax`), how long the oldest
    /// has been due, where they begin, and what their tenants have.
    ///
    /// Jumps through the claim index from one (group, tenant, priority) to the next, so a million queued jobs cost no
    /// more than a thousand. While an old snapshot is held, what was claimed since stays in the index and has to be
    /// passed: once here, and no more by the claim, which begins where this one ended.
    package func backlog(models: [String]) async throws(QueueError) -> [GroupBacklog] {
        let result = try await query(
            """
            WITH RECURSIVE head AS (
              (SELECT j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority AS rank, j.id,
                      greatest(j.created_at, j.run_at) AS due
                 FROM moed.job j WHERE j.state = 'queued'
                ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id LIMIT 1)
              UNION ALL
              SELECT n.* FROM head h CROSS JOIN LATERAL (
                SELECT j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id, greatest(j.created_at, j.run_at)
                  FROM moed.job j
                 WHERE j.state = 'queued' AND (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority)
                                            > (h.model_id, h.mode, h.bucket, h.tenant_id, h.rank)
                 ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id LIMIT 1) n
            ), busy AS MATERIALIZED (
              SELECT j.tenant_id, sum(j.jobs) AS jobs FROM moed.worker w CROSS JOIN LATERAL (
                SELECT q.tenant_id, count(*) AS jobs \(Self.runningOfWorker) GROUP BY q.tenant_id) j
               WHERE w.stopped_at IS NULL GROUP BY j.tenant_id
            ), sharing AS MATERIALIZED (
              SELECT t.id, concat_ws(':', t.id, t.weight, coalesce(t.max_running, 0), coalesce(b.jobs, 0),
                                     t.recent_jobs, t.recent_tokens) AS tenant
                FROM moed.tenants t LEFT JOIN busy b ON b.tenant_id = t.id
               WHERE t.id IN (SELECT h.tenant_id FROM head h) AND t.may_start
            ), open AS MATERIALIZED (
              SELECT h.*, m.name, s.tenant, \(Self.age("h.due")) AS age_ms
                FROM head h JOIN sharing s ON s.id = h.tenant_id
                JOIN moed.model m ON m.id = h.model_id AND m.paused_at IS NULL
               WHERE m.name = ANY (\(SQLArray(models.map { $0.withoutNUL })))
            ), active AS (
              SELECT o.model_id, o.mode, o.bucket, o.name, max(o.age_ms) AS age_ms,
                     string_agg(concat_ws(':', o.tenant_id, o.rank, o.id, o.age_ms), ' ') AS heads,
                     string_agg(DISTINCT o.tenant, ' ') AS tenants
                FROM open o GROUP BY o.model_id, o.mode, o.bucket, o.name
            )
            SELECT a.name, a.mode, a.bucket, a.heads, a.tenants, a.age_ms,
                   (SELECT count(*) FROM (
                      SELECT FROM open o CROSS JOIN LATERAL (
                        SELECT FROM moed.job j
                         WHERE j.state = 'queued'
                           AND (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id)
                            >= (o.model_id, o.mode, o.bucket, o.tenant_id, o.rank, o.id)
                           AND (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority)
                            <= (o.model_id, o.mode, o.bucket, o.tenant_id, o.rank)
                         ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id
                         LIMIT \(Self.backlogCountMax)) AS n
                       WHERE o.model_id = a.model_id AND o.mode = a.mode AND o.bucket = a.bucket
                       LIMIT \(Self.backlogCountMax)) AS counted) AS queued
              FROM active a
             ORDER BY a.name, a.mode, a.bucket
            """)
        return try await decode(result) { row throws(DatabaseError) in
            GroupBacklog(
                group: try Self.group(row), queued: try row.value("queued"),
                oldestAge: .milliseconds(try row.value("age_ms", as: Int64.self)),
                heads: Self.heads(try row.value("heads")), tenants: Self.tenants(try row.value("tenants")))
        }
    }

    /// How long something has been due, in milliseconds.
    private static func age(_ due: SQL) -> SQL {
        "greatest(0, extract(epoch FROM clock_timestamp() - \(due)) * 1000)::bigint"
    }

    /// Reads `tenant:urgency:job:age …`.
    private static func heads(_ text: String) -> [GroupBacklog.Head] {
        text.split(separator: " ").compactMap { head in
            let parts = head.split(separator: ":").compactMap { Int64($0) }
            guard parts.count == 4 else { return nil }
            return .init(
                tenant: Int(parts[0]), urgency: Int(parts[1]), job: JobID(parts[2]),
                age: .milliseconds(parts[3]))
        }
    }

    /// Reads `tenant:weight:most:running:jobs:tokens …`; a most of 0 is none.
    private static func tenants(_ text: String) -> [GroupBacklog.Tenant] {
        text.split(separator: " ").compactMap { tenant in
            let parts = tenant.split(separator: ":").compactMap { Double($0) }
            guard parts.count == 6 else { return nil }
            return .init(
                id: Int(parts[0]), weight: parts[1], runningMax: parts[2] > 0 ? Int(parts[2]) : nil,
                running: Int(parts[3]), recentJobs: parts[4], recentTokens: parts[5])
        }
    }

    /// Takes up to `limit` queued jobs of one group for this worker, looking where it begins.
    package func claim(
        _ worker: WorkerID, _ group: JobGroup, limit: Int, maxWait: Duration? = nil, computedBy: String? = nil
    ) async throws(QueueError) -> [ClaimedJob] {
        guard let backlog = try await backlog(models: [group.model]).first(where: { $0.group == group })
        else {
            return []
        }
        return try await claim(worker, backlog, limit: limit, maxWait: maxWait, computedBy: computedBy)
    }

    /// Claims in a row for what tenants with few jobs left to others.
    private static let passesMax = 4

    /// Takes up to `limit` queued jobs of one group for this worker, as `FairShare` deals them out.
    ///
    /// What other workers are claiming at this moment is passed over. A worker that was declared dead gets none.
    ///
    /// - Parameter backlog: of the group, as a look found it lately; nothing before its heads is seen.
    /// - Parameter maxWait: see `FairShare`.
    /// - Parameter computedBy: checkpoints of this origin come with the jobs; see `checkpoint`.
    package func claim(
        _ worker: WorkerID, _ backlog: GroupBacklog, limit: Int, maxWait: Duration? = nil,
        computedBy: String? = nil
    ) async throws(QueueError) -> [ClaimedJob] {
        let limit = min(limit, Self.rowsPerStatementMax)
        var share = FairShare(backlog, maxWait: maxWait)
        var claimed: [ClaimedJob] = []
        // What tenants deserve is nearly always there. When one has fewer jobs, the others get what it leaves.
        for pass in 0..<Self.passesMax where claimed.count < (pass == 0 ? limit : min(limit, backlog.queued))
        {
            let portions = share.portions(limit - claimed.count)
            guard !portions.isEmpty else { break }
            let result = try await query(
                Self.claim(worker, backlog.group, portions, computedBy: computedBy?.withoutNUL))
            let jobs = try await decode(result) { row throws(DatabaseError) in
                (rank: try row.value("rank", as: Int.self), job: try Self.claimedJob(row, of: backlog.group))
            }
            let order = jobs.map { (turn: share.turn(of: $0.rank, tenant: $0.job.tenantID), job: $0.job) }
                .sorted { ($0.turn, $0.job.id.rawValue) < ($1.turn, $1.job.id.rawValue) }
                .map(\.job)
            claimed += order
            share.took(order.countByTenant)
        }
        return claimed
    }

    private static func claimedJob(_ row: Row, of group: JobGroup) throws(DatabaseError) -> ClaimedJob {
        ClaimedJob(
            lease: JobLease(job: JobID(try row.value("id")), token: try row.value("lease_token")),
            attempt: try row.value("attempt"), crashes: try row.value("crashes"), group: group,
            tenant: try row.value("tenant"), tenantID: try row.value("tenant_id"),
            body: try row.optional("body"),
            waited: .milliseconds(try row.value("waited_ms", as: Int64.self)),
            saved: Self.savedOutput(try row.optional("saved") ?? ""))
    }

    /// The jobs of the portions, as CTE `picked`; more than will be taken where a tenant has several heads.
    ///
    /// Pauses, budgets and caps hold as of now, not as of the look. Jobs are found by comparing rows: with equalities
    /// the order would be that of ids alone, and a plan from old statistics would read all jobs in that order.
    private static func picked(
        _ worker: WorkerID, _ group: JobGroup, _ portions: [FairShare.Portion]
    ) -> SQL {
        """
        wanted AS MATERIALIZED (
          SELECT m.id AS model_id, \(group.mode.rawValue)::moed.reasoning_mode AS mode,
                 \(group.bucket)::smallint AS bucket, clock_timestamp() AS now
            FROM moed.model m WHERE m.name = \(group.model.withoutNUL) AND m.paused_at IS NULL AND EXISTS (
              SELECT FROM moed.worker w
               WHERE w.id = \(worker.rawValue) AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp())
        ), portion AS MATERIALIZED (
          SELECT p.*, t.name AS tenant, CASE WHEN t.max_running IS NULL THEN p.tenant_most
                   ELSE least(p.tenant_most, greatest(0, t.max_running - (
                     SELECT count(*) FROM moed.worker w CROSS JOIN LATERAL (
                       SELECT q.tenant_id \(Self.runningOfWorker)) j
                      WHERE w.stopped_at IS NULL AND j.tenant_id = t.id))) END AS allowed
            FROM unnest(
              \(SQLArray(portions.map { Int32(clamping: $0.head.tenant) })),
              \(SQLArray(portions.map { Int32(clamping: $0.head.urgency) })),
              \(SQLArray(portions.map(\.head.job.rawValue))), \(SQLArray(portions.map(\.most))),
              \(SQLArray(portions.map(\.tenantMost)))) WITH ORDINALITY
              AS p(tenant_id, urgency, first_id, most, tenant_most, place)
            JOIN moed.tenants t ON t.id = p.tenant_id AND t.may_start
        ), picked AS MATERIALIZED (
          SELECT c.id, c.resumes, p.tenant_id, p.tenant, p.allowed,
                 row_number() OVER (PARTITION BY p.tenant_id ORDER BY p.place, c.id) AS rank
            FROM wanted g CROSS JOIN portion p CROSS JOIN LATERAL (
              SELECT j.id, j.lease_token > 0 AS resumes FROM moed.job j
               WHERE j.state = 'queued' AND (j.expires_at > g.now) IS NOT false
                 AND (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id)
                  >= (g.model_id, g.mode, g.bucket, p.tenant_id, p.urgency, p.first_id)
                 AND (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority)
                  <= (g.model_id, g.mode, g.bucket, p.tenant_id, p.urgency)
               ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id
               LIMIT least(p.most, p.allowed) FOR UPDATE SKIP LOCKED) c
        )
        """
    }

    private static func claim(
        _ worker: WorkerID, _ group: JobGroup, _ portions: [FairShare.Portion], computedBy: String?
    ) -> SQL {
        """
        WITH \(picked(worker, group, portions)), taken AS (
          UPDATE moed.job j
             SET state = 'running', attempt = j.attempt + 1, leased_by = \(worker.rawValue),
                 lease_token = nextval('moed.lease_token_seq'), started_at = clock_timestamp()
            FROM picked p WHERE j.id = p.id AND p.rank <= p.allowed
          RETURNING j.id, j.lease_token, j.attempt, j.crashes, p.tenant_id, p.tenant, p.rank, p.resumes,
                    moed.milliseconds(greatest(j.created_at, j.run_at), j.started_at) AS waited_ms
        )
        SELECT k.id, k.lease_token, k.attempt, k.crashes, k.waited_ms, k.tenant_id, k.tenant, k.rank,
               CASE WHEN octet_length(r.body::text) <= \(RequestLimit.bodyBytesMax) THEN r.body END AS body,
               CASE WHEN k.resumes THEN (
                 SELECT string_agg(concat_ws(':', p.choice, p.first_token, array_to_string(p.token_ids, ',')), ' '
                                   ORDER BY p.choice, p.first_token)
                   FROM moed.job_checkpoint p WHERE p.job_id = k.id AND p.computed_by = \(computedBy)) END AS saved
          FROM taken k JOIN moed.job_request r ON r.job_id = k.id
        """
    }

    /// What is left that a worker of these models may have to run.
    package func remaining(models: [String]) async throws(QueueError) -> Remaining {
        let result = try await query(
            """
            WITH served AS (
              SELECT id FROM moed.model
               WHERE name = ANY (\(SQLArray(models.map { $0.withoutNUL }))) AND paused_at IS NULL
            ), open AS (SELECT id FROM moed.tenants WHERE may_start)
            SELECT (SELECT count(*) FROM (SELECT FROM moed.job j JOIN served s ON s.id = j.model_id
                      JOIN open t ON t.id = j.tenant_id
                     WHERE j.state = 'queued' LIMIT \(Self.backlogCountMax)) AS counted) AS queued,
                   (SELECT count(*) FROM moed.job j JOIN served s ON s.id = j.model_id JOIN open t ON t.id = j.tenant_id
                     WHERE j.state = 'scheduled' AND j.run_at <= clock_timestamp()) AS due,
                   (SELECT count(*) FROM moed.job j JOIN served s ON s.id = j.model_id
                     WHERE j.state = 'running') AS running,
                   (SELECT count(*) FROM moed.job j JOIN served s ON s.id = j.model_id JOIN open t ON t.id = j.tenant_id
                     WHERE j.state = 'scheduled' AND j.attempt > 0 AND j.run_at > clock_timestamp()) AS retrying
            """)
        return try await decodeOne(result) { row throws(DatabaseError) in
            Remaining(
                ready: try row.value("queued", as: Int.self) + row.value("due", as: Int.self),
                running: try row.value("running"), retrying: try row.value("retrying"))
        }
    }

    private static func group(_ row: Row) throws(DatabaseError) -> JobGroup {
        let mode: String = try row.value("mode")
        guard let mode = ReasoningMode(rawValue: mode) else {
            throw DatabaseError(.protocolViolation, "unknown mode \(mode)")
        }
        return JobGroup(model: try row.value("name"), mode: mode, bucket: try row.value("bucket"))
    }
}
