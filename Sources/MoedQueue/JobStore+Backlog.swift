package import MoedCore
package import MoedPostgres

/// Numbers of jobs that a draining worker may still have to run.
package struct Remaining: Sendable, Equatable {
    /// Jobs that are queued, or scheduled and due; counted up to a limit.
    package var ready: Int
    /// Jobs that run on this or another worker; they return to the queue when their worker fails.
    package var running: Int
    /// Jobs that wait for another attempt.
    package var retrying: Int

    package init(ready: Int, running: Int, retrying: Int) {
        self.ready = ready
        self.running = running
        self.retrying = retrying
    }

    package var isEmpty: Bool { ready == 0 && running == 0 && retrying == 0 }
}

extension JobStore {
    /// Maximum number of queued jobs counted per job class, enough to show that a batch can be filled. Counting takes
    /// most of the time of `backlog`.
    package static let backlogCountMax = 256
    /// Maximum number of priorities of a tenant in a job class that a poll sees, the most urgent ones. A client chooses
    /// priorities freely, and each costs every worker's poll time.
    package static let prioritiesMax = 64
    /// Maximum number of heads of a job class that a poll sees. Of more tenants each poll sees others.
    package static let headsMax = 2000

    /// Maximum number of jobs whose deadlines `deadlines` counts.
    package static let deadlinesMax = 100_000

    /// Counts the queued jobs of these models by the time until their deadline, the nearest first.
    package func deadlines(models: [String]) async throws(QueueError) -> [DeadlineCount] {
        let result = try await query(
            SQL(.deadlines, [.value(SQLArray(models.map(\.withoutNUL))), .value(Self.deadlinesMax)]))
        return try await decode(result) { row throws(DatabaseError) in
            DeadlineCount(left: .milliseconds(try row.value("left_ms", as: Int64.self)), jobs: try row.value("jobs"))
        }
    }

    /// Reads the job classes of these models that have queued jobs. A class has its number of jobs (up to
    /// `backlogCountMax`) and the age of the oldest one. It also has the first job of each tenant and priority, and the
    /// shares of the tenants.
    ///
    /// The cost grows with job classes and their heads, up to `headsMax` each, not with the number of queued jobs.
    package func backlog(models: [String]) async throws(QueueError) -> [ClassBacklog] {
        let result = try await query(
            SQL(
                .backlog,
                [
                    .value(SQLArray(models.map { $0.withoutNUL })), .value(Self.backlogCountMax),
                    .value(Self.prioritiesMax), .value(Self.headsMax),
                ]))
        return try await queueing { () async throws(DatabaseError) in try Self.classes(result.rows) }
    }

    /// Collects the rows of `backlog.sql`, one per head, into classes.
    ///
    /// - Parameter rows: sorted by job class and, within a job class, by tenant.
    /// - Throws: `DatabaseError(.protocolViolation)` for a row with a missing column or a value of another type.
    package static func classes(_ rows: [Row]) throws(DatabaseError) -> [ClassBacklog] {
        var classes: [ClassBacklog] = []
        for row in rows {
            let jobClass = try jobClass(row)
            if classes.last?.jobClass != jobClass {
                classes.append(
                    ClassBacklog(
                        jobClass: jobClass, queued: try row.value("queued"),
                        oldestAge: .milliseconds(try row.value("oldest_ms", as: Int64.self))))
            }
            let head = try head(row)
            let last = classes.count - 1
            classes[last].heads.append(head)
            if classes[last].tenants.last?.id != head.tenant { classes[last].tenants.append(try tenant(row)) }
        }
        return classes
    }

    private static func head(_ row: Row) throws(DatabaseError) -> ClassBacklog.Head {
        ClassBacklog.Head(
            tenant: try row.value("tenant_id"), urgency: try row.value("urgency"),
            job: JobID(try row.value("id")), age: .milliseconds(try row.value("age_ms", as: Int64.self)))
    }

    private static func tenant(_ row: Row) throws(DatabaseError) -> ClassBacklog.Tenant {
        var tenant = ClassBacklog.Tenant(
            id: try row.value("tenant_id"), weight: try row.value("weight"),
            runningMax: try row.optional("max_running"), running: try row.value("running"),
            recentJobs: try row.value("recent_jobs"), recentTokens: try row.value("recent_tokens"))
        (tenant.name, tenant.mayLeave) = (try row.value("tenant"), try row.value("may_leave"))
        return tenant
    }

    private static func jobClass(_ row: Row) throws(DatabaseError) -> JobClass {
        let mode: String = try row.value("mode")
        guard let mode = ReasoningMode(rawValue: mode) else {
            throw DatabaseError(.protocolViolation, "unknown mode \(mode)")
        }
        return JobClass(model: try row.value("name"), mode: mode, bucket: try row.value("bucket"))
    }

    /// True of a job `j` whose tenant may start jobs. The tenant is looked up by its key: a join would compare each job
    /// with each tenant.
    private static let mayStart: SQL = "(SELECT t.may_start FROM moed.tenants t WHERE t.id = j.tenant_id LIMIT 1)"

    /// Counts the jobs that a worker of these models may still have to run.
    package func remaining(models: [String]) async throws(QueueError) -> Remaining {
        let result = try await query(
            """
            WITH served AS (
              SELECT id FROM moed.model
               WHERE name = ANY (\(SQLArray(models.map { $0.withoutNUL }))) AND paused_at IS NULL
            )
            SELECT (SELECT count(*) FROM (SELECT FROM moed.job j JOIN served s ON s.id = j.model_id
                     WHERE j.state = 'queued' AND \(Self.mayStart) LIMIT \(Self.backlogCountMax)) AS counted) AS queued,
                   (SELECT count(*) FROM moed.job j JOIN served s ON s.id = j.model_id
                     WHERE j.state = 'scheduled' AND j.run_at <= clock_timestamp() AND \(Self.mayStart)) AS due,
                   (SELECT count(*) FROM moed.job j JOIN served s ON s.id = j.model_id
                     WHERE j.state = 'running') AS running,
                   (SELECT count(*) FROM moed.job j JOIN served s ON s.id = j.model_id
                     WHERE j.state = 'scheduled' AND j.attempt > 0 AND j.run_at > clock_timestamp()
                       AND \(Self.mayStart)) AS retrying
            """)
        return try await decodeOne(result) { row throws(DatabaseError) in
            Remaining(
                ready: try row.value("queued", as: Int.self) + row.value("due", as: Int.self),
                running: try row.value("running"), retrying: try row.value("retrying"))
        }
    }
}
