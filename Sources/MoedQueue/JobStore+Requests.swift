package import MoedCore
import MoedPostgres

/// The account of requests to endpoints.
extension JobStore {
    /// Records requests before they are sent, fenced by the lease. It may be repeated.
    ///
    /// - Returns: requests that may be sent, and those that could exceed a tenant's budget.
    package func recordRequests(
        _ requests: [EngineRequest], by worker: WorkerID
    ) async throws(QueueError) -> RecordedRequests {
        var recorded = RecordedRequests()
        var rest = requests[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Self.rowsPerStatementMax))
            rest = rest.dropFirst(Self.rowsPerStatementMax)
            let result = try await query(
                SQL(
                    .openRequests,
                    [.value(worker.rawValue)] + Self.keys(batch.map(\.key)) + [
                        .value(SQLArray(batch.map(\.choice))), .value(SQLArray(batch.map(\.firstToken))),
                        .value(SQLArray(batch.map(\.prompt))), .value(SQLArray(batch.map(\.endpoint.withoutNUL))),
                        .value(SQLArray(batch.map(\.api))), .value(SQLArray(batch.map(\.name.withoutNUL))),
                        .value(SQLArray(batch.map(\.prices?.prompt))), .value(SQLArray(batch.map(\.prices?.cached))),
                        .value(SQLArray(batch.map(\.prices?.completion))),
                        .value(SQLArray(batch.map(\.promptMost))), .value(SQLArray(batch.map(\.completionMost))),
                        .value(SQLArray(batch.map(\.isOutside))),
                    ]))
            let answers = try await decode(result) { row throws(DatabaseError) in
                (try Self.key(row), try row.value("may_be_sent", as: Bool.self))
            }
            recorded.open.formUnion(answers.filter(\.1).map(\.0))
            recorded.declined.formUnion(answers.filter { !$0.1 }.map(\.0))
        }
        return recorded
    }

    /// Records the ends of requests. Requests without a row were never recorded, and are left out.
    ///
    /// - Returns: requests whose row another transaction locks; they must be recorded later.
    package func recordSpending(
        _ spending: [EngineSpending]
    ) async throws(QueueError) -> Set<EngineRequest.Key> {
        var locked: Set<EngineRequest.Key> = []
        var rest = spending[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Self.rowsPerStatementMax))
            rest = rest.dropFirst(Self.rowsPerStatementMax)
            let result = try await query(
                SQL(
                    .closeRequests,
                    Self.keys(batch.map(\.key)) + [
                        .value(SQLArray(batch.map(\.outcome))), .value(SQLArray(batch.map(\.source.rawValue))),
                        .value(SQLArray(batch.map(\.prompt))), .value(SQLArray(batch.map(\.cached))),
                        .value(SQLArray(batch.map(\.completion))), .value(SQLArray(batch.map(\.kept))),
                        .value(SQLArray(batch.map(\.cost))),
                    ]))
            locked.formUnion(try await decodeKeys(result))
        }
        return locked
    }

    private static func keys(_ keys: [EngineRequest.Key]) -> [SQL.Bind] {
        [
            .value(SQLArray(keys.map(\.job.rawValue))), .value(SQLArray(keys.map(\.claim))),
            .value(SQLArray(keys.map(\.segment))),
        ]
    }

    private func decodeKeys(_ result: QueryResult) async throws(QueueError) -> [EngineRequest.Key] {
        try await decode(result) { row throws(DatabaseError) in try Self.key(row) }
    }

    private static func key(_ row: Row) throws(DatabaseError) -> EngineRequest.Key {
        EngineRequest.Key(
            job: JobID(try row.value("job_id")), claim: try row.value("lease_token"), segment: try row.value("segment"))
    }
}
