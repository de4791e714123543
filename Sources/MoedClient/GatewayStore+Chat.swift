package import MoedCore
package import MoedOpenAI
import MoedPostgres

extension GatewayStore {
    /// A request that a client waits for, and the digest of its key.
    package struct WaitingChat: Sendable, Equatable {
        package var key: String
        package var job: JobID

        package init(key: String, job: JobID) {
            self.key = key
            self.job = job
        }
    }

    /// Enqueues a request that a client waits for.
    package func enqueue(
        _ key: String, _ body: String, priority: Int, expiry: Int
    ) async throws(APIError) -> JobID {
        let id = try await one(
            """
            SELECT moed.api_chat(\(key), \(body), \(priority)::numeric, \(Int32(clamping: expiry))) AS job
            """
        ) { row throws(DatabaseError) in try row.value("job", as: Int64.self) }
        guard let id else { throw APIError(500, "the database returns no job", code: "server_error") }
        return JobID(id)
    }

    /// Those of the waiting requests that have ended: the answer as JSON, or the error.
    package func results(_ waiting: [WaitingChat]) async throws(APIError) -> [(
        job: JobID, outcome: Result<JSONValue, APIError>
    )] {
        let keys = SQLArray<String>(waiting.map(\.key))
        let jobs = SQLArray<Int64>(waiting.map(\.job.rawValue))
        return try await all(
            """
            SELECT job, state, body::text AS body, error_code, error_message, error_param
              FROM moed.api_chat_results(\(keys), \(jobs))
            """
        ) { row throws(DatabaseError) in (JobID(try row.value("job")), try Self.outcome(row)) }
    }

    private static func outcome(_ row: Row) throws(DatabaseError) -> Result<JSONValue, APIError> {
        switch try row.value("state", as: String.self) {
        case "succeeded":
            let body = try text(row, "body")
            do throws(JSONError) { return .success(try JSONValue(parsing: body)) } catch {
                return .failure(APIError(500, "the stored answer is no JSON", code: "server_error"))
            }
        case "cancelled": return .failure(APIError(503, "the request was cancelled", code: "cancelled"))
        default:
            let code = try text(row, "error_code")
            let status =
                switch code {
                case "engine_error", "worker_lost", "result_refused": 500
                case "expired": 504
                case "model_not_found": 404
                default: 400
                }
            return .failure(
                APIError(
                    status, try text(row, "error_message"), code: code, param: try row.optional("error_param")
                ))
        }
    }

    private static func text(_ row: Row, _ column: String) throws(DatabaseError) -> String {
        try row.optional(column) ?? ""
    }

    /// Cancels a request whose client has gone.
    package func cancel(_ chat: WaitingChat) async throws(APIError) {
        _ = try await query("SELECT moed.api_cancel_chat(\(chat.key), \(chat.job.rawValue))")
    }
}
