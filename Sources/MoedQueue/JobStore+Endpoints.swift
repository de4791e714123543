package import MoedCore
import MoedPostgres

/// Endpoints as workers see them.
extension JobStore {
    /// Replaces the worker's endpoints in the database. Rows of workers that have ended are deleted.
    package func reportEndpoints(_ worker: WorkerID, _ endpoints: [EndpointReport]) async throws(QueueError) {
        let cooldowns = endpoints.map { $0.cooldown?.milliseconds }
        let errors = endpoints.map { report in
            let members = report.errors.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.integer(Int64($0.value))) }
            return JSONValue.object(JSONObject(members)).serialized()
        }
        _ = try await query(
            """
            WITH ended AS (
              DELETE FROM moed.endpoint_state s WHERE s.worker_id = ANY (ARRAY(
                SELECT o.worker_id FROM moed.endpoint_state o
                 WHERE NOT EXISTS (SELECT FROM moed.worker w WHERE w.id = o.worker_id AND w.stopped_at IS NULL)
                   FOR UPDATE SKIP LOCKED))
            )
            INSERT INTO moed.endpoint_state AS s (worker_id, endpoint, place, api, model, state, since, reason,
              cooldown_until, in_flight, max_in_flight, tokens_per_second, requests, tokens, errors)
            SELECT \(worker.rawValue), n.endpoint, n.place - 1, n.api, n.model, n.state,
                   clock_timestamp() - n.age * interval '1 ms', n.reason,
                   clock_timestamp() + n.cooldown * interval '1 ms', n.in_flight, n.most, n.rate::real, n.requests, n.tokens,
                   n.errors::json
              FROM unnest(\(SQLArray(endpoints.map(\.name.withoutNUL))), \(SQLArray(endpoints.map(\.api))),
                \(SQLArray(endpoints.map(\.model.withoutNUL))), \(SQLArray(endpoints.map(\.state.rawValue))),
                \(SQLArray(endpoints.map(\.age.milliseconds))), \(SQLArray(endpoints.map { $0.reason?.withoutNUL })),
                \(SQLArray(cooldowns)), \(SQLArray(endpoints.map(\.inFlight))), \(SQLArray(endpoints.map(\.window))),
                \(SQLArray(endpoints.map { "\($0.tokensPerSecond)" })), \(SQLArray(endpoints.map(\.requests))),
                \(SQLArray(endpoints.map(\.tokens))), \(SQLArray(errors)))
                WITH ORDINALITY AS n(endpoint, api, model, state, age, reason, cooldown, in_flight, most, rate,
                  requests, tokens, errors, place)
            ON CONFLICT (worker_id, endpoint) DO UPDATE
               SET place = excluded.place, state = excluded.state, since = excluded.since, reason = excluded.reason,
                   cooldown_until = excluded.cooldown_until, in_flight = excluded.in_flight,
                   max_in_flight = excluded.max_in_flight, tokens_per_second = excluded.tokens_per_second,
                   requests = excluded.requests, tokens = excluded.tokens, errors = excluded.errors,
                   seen_at = excluded.seen_at
            """)
    }

    /// Calls of `moed.clear_cooldown()`: microseconds of the last one by endpoint.
    package func cooldownEnds() async throws(QueueError) -> [String: Int64] {
        let result = try await query(
            "SELECT endpoint, (extract(epoch FROM ended_at) * 1000000)::bigint AS at FROM moed.cooldown_end")
        let ends = try await decode(result) { row throws(DatabaseError) in
            (try row.value("endpoint", as: String.self), try row.value("at", as: Int64.self))
        }
        return Dictionary(ends) { max($0, $1) }
    }
}
