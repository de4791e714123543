package import MoedCore
package import MoedPostgres

/// The last 24 hours, from the rows of `moed.minute_sample`.
extension JobClient {
    /// Sums of the minutes of each span of time, the oldest first. A span without a minute has no row.
    ///
    /// - Parameter seconds: length of a span, which divides a day.
    package func history(seconds: Int) async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT h.start, moed.utc(to_timestamp(h.start)) AS "from", count(*) AS minutes,
                   sum(h.prompt_tokens)::bigint AS prompt_tokens, sum(h.cached_tokens)::bigint AS cached_tokens,
                   sum(h.completion_tokens)::bigint AS completion_tokens, sum(h.wasted_tokens)::bigint AS wasted_tokens,
                   sum(h.succeeded)::bigint AS succeeded, sum(h.failed)::bigint AS failed,
                   sum(h.cancelled)::bigint AS cancelled, max(h.queued) AS queued, max(h.running) AS running
              FROM (SELECT s.*, \(Self.start(seconds)) AS start FROM moed.minute_sample s WHERE \(Self.day(seconds))) h
             GROUP BY h.start ORDER BY h.start
            """)
    }

    /// Averages of each endpoint's tokens a second and requests in flight over the minutes in which it is known.
    package func endpointHistory(seconds: Int) async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT h.name, h.start, round(avg((h.figures ->> 0)::numeric), 1) AS tokens_per_second,
                   round(avg((h.figures ->> 1)::numeric), 1) AS in_flight
              FROM (SELECT e.key AS name, e.value AS figures, \(Self.start(seconds)) AS start
                      FROM moed.minute_sample s CROSS JOIN LATERAL json_each(s.endpoints) AS e
                     WHERE \(Self.day(seconds))) h
             GROUP BY h.name, h.start ORDER BY h.name, h.start
            """)
    }

    /// Endpoints of live workers.
    package func endpoints() async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT s.endpoint, w.host || '/' || w.pid AS worker, s.model, s.state, s.reason, s.in_flight,
                   s.max_in_flight, round(s.tokens_per_second::numeric, 1) AS tokens_per_second, s.requests, s.tokens
              FROM moed.endpoint_state s JOIN moed.worker w ON w.id = s.worker_id
             WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp()
             ORDER BY s.endpoint, s.worker_id LIMIT 50
            """)
    }

    /// Unix time of the last of these spans.
    package func lastSpan(seconds: Int) async throws(DatabaseError) -> Int64 {
        try await value(
            "SELECT (floor(extract(epoch FROM now()) / \(seconds)) * \(seconds))::bigint AS value") ?? 0
    }

    /// A minute is named by its end, so it belongs to the span of its beginning.
    private static func start(_ seconds: Int) -> SQL {
        "(floor((extract(epoch FROM s.at) - 60) / \(seconds)) * \(seconds))::bigint"
    }

    private static func day(_ seconds: Int) -> SQL {
        """
        s.at > to_timestamp(floor(extract(epoch FROM now()) / \(seconds)) * \(seconds) - 86400 + \(seconds))
        """
    }
}
