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
    /// has been due, and where they begin.
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
            ), open AS MATERIALIZED (
              SELECT h.*, m.name FROM head h
                JOIN moed.model m ON m.id = h.model_id AND m.paused_at IS NULL
                JOIN moed.tenants t ON t.id = h.tenant_id AND t.may_start
               WHERE m.name = ANY (\(SQLArray(models.map { $0.withoutNUL })))
            ), active AS (
              SELECT o.model_id, o.mode, o.bucket, o.name, min(o.due) AS oldest,
                     string_agg(concat_ws(':', o.tenant_id, o.rank, o.id), ' ') AS heads
                FROM open o GROUP BY o.model_id, o.mode, o.bucket, o.name
            )
            SELECT a.name, a.mode, a.bucket, a.heads,
                   greatest(0, extract(epoch FROM clock_timestamp() - a.oldest) * 1000)::bigint AS age_ms,
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
                heads: Self.heads(try row.value("heads")))
        }
    }

    /// Reads `tenant:urgency:job …`.
    private static func heads(_ text: String) -> [GroupBacklog.Head] {
        text.split(separator: " ").compactMap { head in
            let parts = head.split(separator: ":").compactMap { Int64($0) }
            guard parts.count == 3 else { return nil }
            return .init(tenant: Int(parts[0]), urgency: Int(parts[1]), job: JobID(parts[2]))
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

    /// Takes up to `limit` queued jobs of one group for this worker.
    ///
    /// Tenants share by weight: candidates are ordered by (served + running + rank) / weight, so that each tenant's
    /// n-th job competes with the others' n-th, and no slot stays empty while any tenant has work. `served` are the
    /// tokens it got lately (half forgotten after five minutes), counted in jobs of mean length, so that long jobs
    /// weigh more than short ones. Fewer jobs than there are may come back when other workers are claiming the same
    /// ones. A worker that was declared dead gets none.
    ///
    /// - Parameter backlog: of the group, as a look found it lately; nothing before its heads is seen.
    /// - Parameter maxWait: the job that has been due longest is taken first when it has waited this long, whatever
    ///   its priority. One per claim: were it all such jobs, priority would mean nothing in a long queue.
    /// - Parameter computedBy: checkpoints of this origin come with the jobs; see `checkpoint`.
    package func claim(
        _ worker: WorkerID, _ backlog: GroupBacklog, limit: Int, maxWait: Duration? = nil,
        computedBy: String? = nil
    ) async throws(QueueError) -> [ClaimedJob] {
        let limit = min(limit, Self.rowsPerStatementMax)
        guard limit > 0, !backlog.heads.isEmpty else { return [] }
        var claimed: [ClaimedJob] = []
        // What tenants deserve is nearly always there. When it is not, because one has few jobs or others are taking
        // the same ones, a second claim looks at all that may be taken.
        for reach in [2 * limit, .max] where claimed.count < min(limit, backlog.queued) {
            let result = try await query(
                Self.claim(
                    Claim(
                        worker: worker, group: backlog.group, heads: backlog.heads,
                        limit: limit - claimed.count, reach: reach,
                        maxWait: claimed.isEmpty ? maxWait.map(seconds) : nil,
                        computedBy: computedBy?.withoutNUL)))
            claimed += try await decode(result) { row throws(DatabaseError) in
                try Self.claimedJob(row, of: backlog.group)
            }
        }
        return claimed
    }

    private static func claimedJob(_ row: Row, of group: JobGroup) throws(DatabaseError) -> ClaimedJob {
        ClaimedJob(
            lease: JobLease(job: JobID(try row.value("id")), token: try row.value("lease_token")),
            attempt: try row.value("attempt"), crashes: try row.value("crashes"), group: group,
            tenant: try row.value("tenant"), body: try row.optional("body"),
            waited: .milliseconds(try row.value("waited_ms", as: Int64.self)),
            saved: Self.savedOutput(try row.optional("saved") ?? ""))
    }

    /// What one statement is to claim.
    private struct Claim {
        var worker: WorkerID
        var group: JobGroup
        var heads: [GroupBacklog.Head]
        var limit: Int
        /// Jobs to choose from, were all tenants to have enough of them.
        var reach: Int
        var maxWait: Double?
        var computedBy: String?
    }

    /// The next jobs of a group with their turns, as CTE `ordered`; more than will be taken, for others may be taking
    /// some of them now.
    ///
    /// `level` is the turn at which tenants with endless jobs would have `reach` of them: those with the least
    /// (served + running) / weight are raised to it, as water fills a vessel. A tenant's jobs beyond it are not
    /// looked at.
    ///
    /// They are found by comparing rows: with equalities the order would be that of ids alone, and a plan from old
    /// statistics would read all jobs in that order.
    private static func ordered(_ claim: Claim) -> SQL {
        """
        wanted AS MATERIALIZED (
          SELECT m.id AS model_id, \(claim.group.mode.rawValue)::moed.reasoning_mode AS mode,
                 \(claim.group.bucket)::smallint AS bucket, clock_timestamp() AS now
            FROM moed.model m WHERE m.name = \(claim.group.model.withoutNUL) AND m.paused_at IS NULL AND EXISTS (
              SELECT FROM moed.worker w
               WHERE w.id = \(claim.worker.rawValue) AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp())
        ), present AS MATERIALIZED (
          SELECT p.* FROM unnest(
            \(SQLArray(claim.heads.map { Int32(clamping: $0.tenant) })),
            \(SQLArray(claim.heads.map { Int32(clamping: $0.urgency) })),
            \(SQLArray(claim.heads.map(\.job.rawValue)))) AS p(tenant_id, urgency, first_id)
        ), busy AS MATERIALIZED (
          SELECT j.tenant_id, sum(j.jobs) AS jobs FROM moed.worker w CROSS JOIN LATERAL (
            SELECT q.tenant_id, count(*) AS jobs \(Self.runningOfWorker) GROUP BY q.tenant_id) j
           WHERE w.stopped_at IS NULL GROUP BY j.tenant_id
        ), sharing AS MATERIALIZED (
          SELECT t.id, t.weight, t.max_running, coalesce(b.jobs, 0) AS running,
                 coalesce(b.jobs, 0) + coalesce(t.recent_tokens * sum(t.recent_jobs) OVER w
                                                / nullif(sum(t.recent_tokens) OVER w, 0), 0) AS had
            FROM moed.tenants t LEFT JOIN busy b ON b.tenant_id = t.id
           WHERE t.id IN (SELECT p.tenant_id FROM present p) AND t.may_start WINDOW w AS ()
        ), level AS MATERIALIZED (
          SELECT min(l.turn) AS turn FROM (
            SELECT (\(claim.reach) + sum(s.had) OVER w) / sum(s.weight) OVER w AS turn FROM sharing s
            WINDOW w AS (ORDER BY s.had / s.weight, s.id)) AS l
        ), candidate AS MATERIALIZED (
          SELECT c.id, c.due, t.weight, t.max_running, t.running, t.had,
                 row_number() OVER (PARTITION BY p.tenant_id ORDER BY p.urgency, c.id) AS rank
            FROM present p JOIN sharing t ON t.id = p.tenant_id CROSS JOIN wanted g CROSS JOIN level v
           CROSS JOIN LATERAL (
              SELECT j.id, greatest(j.created_at, j.run_at) AS due FROM moed.job j
               WHERE j.state = 'queued' AND (j.expires_at > g.now) IS NOT false
                 AND (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id)
                  >= (g.model_id, g.mode, g.bucket, p.tenant_id, p.urgency, p.first_id)
                 AND (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority)
                  <= (g.model_id, g.mode, g.bucket, p.tenant_id, p.urgency)
               ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id
               LIMIT greatest(1, least(\(claim.limit + 32), ceil(v.turn * t.weight - t.had)))) c
        ), overdue AS (
          SELECT c.id FROM candidate c
           WHERE c.due <= (SELECT g.now - make_interval(secs => \(claim.maxWait)) FROM wanted g)
           ORDER BY c.due, c.id LIMIT 1
        ), ordered AS MATERIALIZED (
          SELECT c.id, CASE WHEN c.id = (SELECT o.id FROM overdue o) THEN 0 ELSE (c.had + c.rank) / c.weight END AS turn
            FROM candidate c
           WHERE c.max_running IS NULL OR c.running + c.rank <= c.max_running
              OR c.id = (SELECT o.id FROM overdue o) AND c.running < c.max_running
           ORDER BY turn, c.id LIMIT \(4 * claim.limit)
        )
        """
    }

    /// What is locked is found by its id alone: “state = 'queued'” would offer the index of all queued jobs, which a
    /// plan from old statistics takes for few.
    private static func claim(_ claim: Claim) -> SQL {
        """
        WITH \(ordered(claim)), locked AS MATERIALIZED (
          SELECT j.id, c.turn FROM ordered c CROSS JOIN LATERAL (
            SELECT j.id FROM moed.job j WHERE j.id = c.id AND j.state::text = 'queued' FOR UPDATE SKIP LOCKED) j
           LIMIT \(claim.limit)
        ), taken AS (
          UPDATE moed.job j
             SET state = 'running', attempt = j.attempt + 1, leased_by = \(claim.worker.rawValue),
                 lease_token = nextval('moed.lease_token_seq'), started_at = clock_timestamp()
            FROM locked l WHERE j.id = l.id
          RETURNING j.id, j.lease_token, j.attempt, j.crashes, j.tenant_id, l.turn,
                    moed.milliseconds(greatest(j.created_at, j.run_at), j.started_at) AS waited_ms
        ), logged AS (
          INSERT INTO moed.job_attempt (job_id, lease_token, attempt, worker_id)
          SELECT id, lease_token, attempt, \(claim.worker.rawValue) FROM taken
        )
        SELECT k.id, k.lease_token, k.attempt, k.crashes, k.waited_ms, t.name AS tenant,
               CASE WHEN octet_length(r.body::text) <= \(RequestLimit.bodyBytesMax) THEN r.body END AS body,
               (SELECT string_agg(concat_ws(':', p.choice, p.first_token, array_to_string(p.token_ids, ',')), ' '
                                  ORDER BY p.choice, p.first_token)
                FROM moed.job_checkpoint p WHERE p.job_id = k.id AND p.computed_by = \(claim.computedBy)) AS saved
          FROM taken k JOIN moed.tenant t ON t.id = k.tenant_id JOIN moed.job_request r ON r.job_id = k.id
         ORDER BY k.turn, k.id
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
