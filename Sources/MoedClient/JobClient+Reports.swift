package import MoedCore
package import MoedPostgres

/// Reports for people. Each report is one statement over the views, a JSON object a row.
extension JobClient {
    /// Conditions on jobs; nil is any.
    package struct JobFilter: Sendable, Equatable {
        package var batch: String?
        package var model: String?
        package var tenant: String?
        package var state: String?
        package var errorCode: String?

        package init() {}

        package var isEmpty: Bool { self == JobFilter() }
    }

    /// Columns by which usage is summed.
    package enum UsageColumn: String, Sendable, CaseIterable {
        case day, tenant, model, mode
    }

    /// Objects of a statement that returns one row of columns each.
    func objects(_ sql: SQL) async throws(DatabaseError) -> [JSONObject] {
        let rows = try await rows("SELECT to_json(q)::text AS object FROM (\(sql)) AS q")
        var objects: [JSONObject] = []
        for row in rows {
            let text: String = try row.value("object")
            do throws(JSONError) { objects.append(try JSONValue(parsing: text).object ?? JSONObject()) } catch
            {
                throw DatabaseError(.protocolViolation, "a row is no JSON: \(error)")
            }
        }
        return objects
    }

    package func health() async throws(DatabaseError) -> JSONObject {
        try await objects(
            """
            SELECT workers_alive, jobs_running, extract(epoch FROM oldest_queued_age)::bigint AS oldest_queued_seconds,
                   paused, over_budget, unserved_models, stuck_workers FROM moed.health
            """
        ).first ?? JSONObject()
    }

    /// Workers that are alive or missing.
    package func workers() async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT id, host || '/' || pid AS worker, version, array_to_string(models, ', ') AS models, state, jobs,
                   round(tokens_per_second::numeric, 1) AS tokens_per_second, status
              FROM moed.workers WHERE state <> 'stopped' ORDER BY id
            """)
    }

    /// Jobs that have not ended, by class.
    package func queue() async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT model, mode, state, sum(jobs)::bigint AS jobs,
                   extract(epoch FROM max(oldest_age))::bigint AS oldest_seconds
              FROM moed.queue_stats WHERE state IN ('queued', 'scheduled', 'running') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            """)
    }

    /// Batches and other jobs that have not ended, with their rates.
    package func progressReport() async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT tenant, model, batch_name, batch, waiting, running, done, failed, jobs_per_minute,
                   extract(epoch FROM time_left)::bigint AS seconds_left
              FROM moed.progress WHERE waiting + running > 0 ORDER BY tenant, model, batch_name
            """)
    }

    /// The latest failures.
    package func failures() async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT j.id, moed.utc(j.finished_at) AS at, r.error_code, r.error_message
              FROM moed.job j JOIN moed.job_result r ON r.job_id = j.id
             WHERE j.state = 'failed' ORDER BY j.finished_at DESC LIMIT 5
            """)
    }

    /// Jobs that fulfil all conditions, the newest first.
    package func jobs(_ filter: JobFilter, limit: Int) async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT j.id, j.state, j.tenant, j.model, j.mode, j.attempt, moed.utc(j.created_at) AS created,
                   CASE WHEN j.finished_at IS NOT NULL THEN moed.utc(j.finished_at) END AS ended,
                   j.total_tokens, j.error_code, left(j.prompt, 60) AS prompt
              FROM moed.jobs j
             WHERE (\(filter.state)::text IS NULL OR j.state::text = \(filter.state))
               AND (\(filter.tenant)::text IS NULL OR j.tenant = \(filter.tenant))
               AND (\(filter.model)::text IS NULL OR j.model = \(filter.model))
               AND (\(filter.errorCode)::text IS NULL OR j.error_code = \(filter.errorCode))
               AND (\(filter.batch)::uuid IS NULL
                    OR j.id IN (SELECT l.job_id FROM moed.batch_line l WHERE l.batch_id = \(filter.batch)::uuid))
             ORDER BY j.id DESC LIMIT \(limit)
            """)
    }

    /// One job; nil when there is none that this role sees.
    package func job(_ id: Int64, showsBodies: Bool) async throws(DatabaseError) -> JSONObject? {
        let found = try await objects("SELECT * FROM moed.jobs j WHERE j.id = \(id)").first
        guard var job = found?.withoutNulls else { return nil }
        for key in showsBodies
            ? [] : ["request", "response", "messages", "prompt", "system", "content", "reasoning"]
        {
            job[key] = nil
        }
        return job
    }

    /// The attempts of a job in their order.
    package func attempts(_ id: Int64) async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT a.attempt, coalesce(w.host || '/' || w.pid, 'worker ' || a.worker_id) AS worker,
                   moed.utc(a.started_at) AS started,
                   CASE WHEN a.ended_at IS NOT NULL THEN moed.utc(a.ended_at) END AS ended,
                   a.outcome, a.error_code, a.error_message
              FROM moed.job_attempt a LEFT JOIN moed.worker w ON w.id = a.worker_id
             WHERE a.job_id = \(id) ORDER BY a.lease_token
            """)
    }

    package func why(_ id: Int64) async throws(DatabaseError) -> String {
        try await value("SELECT moed.why(\(id)) AS value") ?? ""
    }

    /// Tokens, or money, summed by columns.
    package func usage(_ columns: [UsageColumn], days: Int, asMoney: Bool) async throws(DatabaseError)
        -> [JSONObject]
    {
        // The names are those of the enumeration.
        let names = columns.map(\.rawValue)
        let sums =
            asMoney
            ? """
            sum(jobs)::bigint AS jobs, round(sum(cost), 6) AS cost,
            sum(jobs_without_price)::bigint AS jobs_without_price
            """
            : """
            sum(jobs)::bigint AS jobs, sum(prompt_tokens)::bigint AS prompt_tokens,
            sum(cached_tokens)::bigint AS cached_tokens,
            sum(completion_tokens)::bigint AS completion_tokens, sum(total_tokens)::bigint AS total_tokens,
            sum(wasted_tokens)::bigint AS wasted_tokens
            """
        let view = asMoney ? "moed.cost_daily" : "moed.usage_daily"
        let list = names.joined(separator: ", ")
        let statement = """
            SELECT to_json(q)::text AS object FROM (
              SELECT \(list.isEmpty ? "" : list + ", ")\(sums) FROM \(view)
               WHERE day > (clock_timestamp() AT TIME ZONE 'UTC')::date - $1::int
              \(list.isEmpty ? "" : "GROUP BY \(list) ORDER BY \(list)")) AS q
            """
        let rows = try await rows(SQL(numbered: statement, binds: [.value(Int32(clamping: days))]))
        var objects: [JSONObject] = []
        for row in rows {
            let text: String = try row.value("object")
            do throws(JSONError) { objects.append(try JSONValue(parsing: text).object ?? JSONObject()) } catch
            {
                throw DatabaseError(.protocolViolation, "a row is no JSON: \(error)")
            }
        }
        return objects
    }
}
