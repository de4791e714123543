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
        let trusted = endpoints.map { report in
            report.trusted.map { JSONValue.array($0.map { .string($0.withoutNUL) }).serialized() }
        }
        _ = try await query(
            SQL(
                .reportEndpoints,
                [
                    .value(worker.rawValue), .value(SQLArray(endpoints.map(\.name.withoutNUL))),
                    .value(SQLArray(endpoints.map(\.api))), .value(SQLArray(endpoints.map(\.model.withoutNUL))),
                    .value(SQLArray(endpoints.map(\.state.rawValue))),
                    .value(SQLArray(endpoints.map(\.age.milliseconds))),
                    .value(SQLArray(endpoints.map { $0.reason?.withoutNUL })), .value(SQLArray(cooldowns)),
                    .value(SQLArray(endpoints.map(\.inFlight))), .value(SQLArray(endpoints.map(\.window))),
                    .value(SQLArray(endpoints.map { "\($0.tokensPerSecond)" })),
                    .value(SQLArray(endpoints.map(\.requests))), .value(SQLArray(endpoints.map(\.tokens))),
                    .value(SQLArray(errors)), .value(SQLArray(trusted)), .value(SQLArray(endpoints.map(\.isOutside))),
                ]))
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
