import MoedCore
package import MoedOpenAI
package import MoedPostgres

/// The SQL of the HTTP gateway. Every call names the digest of a key, and the database checks it.
package struct GatewayStore: Sendable {
    private let pool: ConnectionPool

    package init(_ pool: ConnectionPool) { self.pool = pool }

    /// Runs a statement. Errors are what the client of the gateway sees.
    func query(_ sql: SQL) async throws(APIError) -> [Row] {
        do {
            return try await pool.run { try await $0.query(sql).rows }
        } catch let error as DatabaseError {
            throw Self.answer(to: error)
        } catch {
            throw APIError(503, "the gateway has too many requests waiting for the database")
        }
    }

    /// The first row's decoded values.
    func one<R>(_ sql: SQL, _ decode: (Row) throws(DatabaseError) -> R) async throws(APIError) -> R? {
        try await all(sql, decode).first
    }

    func all<R>(_ sql: SQL, _ decode: (Row) throws(DatabaseError) -> R) async throws(APIError) -> [R] {
        let rows = try await query(sql)
        do throws(DatabaseError) {
            var values: [R] = []
            for row in rows { values.append(try decode(row)) }
            return values
        } catch {
            throw Self.answer(to: error)
        }
    }

    /// The functions' own errors have SQLSTATEs MO and an HTTP status. The constraint names the parameter.
    package static func answer(to error: DatabaseError) -> APIError {
        if let state = error.sqlState, state.hasPrefix("MO"), let status = Int(state.dropFirst(2)) {
            if status == 429 { return busy(error) }
            let code = status == 404 && error.constraint == "model" ? "model_not_found" : nil
            return APIError(status, error.message, code: code, param: error.constraint)
        }
        if error.code == .constraint { return APIError(409, "another object refers to this one") }
        if error.isAboutValues { return .invalid("the database refuses a value of the request") }
        if error.isRetryable { return APIError(503, "the database does not answer") }
        return APIError(
            500, "the database refuses the statement (SQLSTATE \(error.sqlState ?? "none"))",
            code: "server_error")
    }

    /// The constraint tells the seconds after which the request may come again, as in “retry after 12”.
    private static func busy(_ error: DatabaseError) -> APIError {
        var answer = APIError(429, error.message)
        if let words = error.constraint?.split(separator: " "), words.count == 3, let seconds = Int(words[2]) {
            answer.retryAfter = seconds
        }
        return answer
    }

    /// True when the database answers.
    package func isHealthy() async -> Bool {
        do { return try await !query("SELECT 1").isEmpty } catch { return false }
    }

    /// Does an action of the page with a key of the scope operate; the database names the actions.
    ///
    /// - Returns: number of jobs that it concerns, or of pauses in force.
    package func operate(
        _ key: String, _ action: String, kind: String? = nil, name: String? = nil
    ) async throws(APIError) -> Int {
        try await one("SELECT moed.api_operate(\(key), \(action), \(kind), \(name)) AS value") {
            row throws(DatabaseError) in try row.value("value")
        } ?? 0
    }

    /// Models that a worker has served, with the Unix times of their first registration.
    package func models(_ key: String) async throws(APIError) -> [(name: String, createdAt: Int)] {
        try await all(
            "SELECT name, extract(epoch FROM registered_at)::bigint AS created FROM moed.api_models(\(key))"
        ) { row throws(DatabaseError) in (try row.value("name"), try row.value("created")) }
    }
}
