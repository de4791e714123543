import MoedCore
package import MoedOpenAI
import MoedPostgres

extension GatewayStore {
    /// A line of a batch's output; the text is nil when it belongs to the other file.
    package struct OutputLine: Sendable, Equatable {
        package var line: Int
        package var text: String?
    }

    /// Begins a batch of an uploaded file.
    package func createBatch(_ key: String, _ request: BatchRequest) async throws(APIError) -> BatchID {
        let id = try await one(
            """
            SELECT moed.api_create_batch(\(key), \(request.inputFile.compact)::uuid, \(request.window),
                                         \(request.metadata?.serialized())::json,
                                         \(request.outputLifetime.map { Int32(clamping: $0) }))::text AS id
            """
        ) { row throws(DatabaseError) in try Self.uuid(row, "id") }
        guard let id else { throw APIError(500, "the database returns no batch", code: "server_error") }
        return BatchID(id)
    }

    package func batch(_ key: String, _ batch: BatchID) async throws(APIError) -> BatchObject? {
        try await one(
            "\(Self.batchColumns) FROM moed.api_batches(\(key), only_batch => \(batch.uuid.compact)::uuid)",
            Self.batch)
    }

    /// Batches, newest first; one more than asked for tells that there are more.
    package func batches(_ key: String, after: String?, limit: Int) async throws(APIError) -> [BatchObject] {
        var place: String?
        if let after {
            guard let id = BatchID(after) else { return [] }
            place = id.uuid.compact
        }
        return try await all(
            """
            \(Self.batchColumns) FROM moed.api_batches(\(key), after_batch => \(place)::uuid,
                                                       max_batches => \(Int32(clamping: limit)))
            """, Self.batch)
    }

    package func cancel(_ key: String, _ batch: BatchID) async throws(APIError) {
        _ = try await query("SELECT moed.api_cancel_batch(\(key), \(batch.uuid.compact)::uuid)")
    }

    /// Lines of a batch's output after a line of its input.
    package func output(
        _ key: String, _ batch: UUIDText, answers: Bool, after line: Int, limit: Int
    ) async throws(APIError) -> [OutputLine] {
        try await all(
            """
            SELECT line, text FROM moed.api_output(\(key), \(batch.compact)::uuid, \(answers), \(Int32(clamping: line)),
                                                   \(Int32(clamping: limit)))
            """
        ) { row throws(DatabaseError) in
            OutputLine(line: try row.value("line"), text: try row.optional("text"))
        }
    }

    /// Adds a part of a file to its batch. Returns false when no file waits.
    package func importStep() async throws(APIError) -> Bool {
        try await one("SELECT moed.api_import_step() AS more") { row throws(DatabaseError) in
            try row.value("more")
        } ?? false
    }

    private static var batchColumns: SQL {
        """
        SELECT id::text AS id, status, input_file::text AS input_file, time_window, metadata::text AS metadata,
               extract(epoch FROM created_at)::bigint AS created, extract(epoch FROM sealed_at)::bigint AS sealed,
               extract(epoch FROM expires_at)::bigint AS expires, extract(epoch FROM finished_at)::bigint AS finished,
               extract(epoch FROM cancelled_at)::bigint AS cancelled, total, completed, failed, prompt_tokens,
               cached_tokens, completion_tokens, reasoning_tokens, model, has_output, has_errors,
               line_errors::text AS line_errors, extract(epoch FROM output_expires_at)::bigint AS output_expires,
               cancelled AS cancelled_jobs, expired AS expired_jobs
        """
    }

    private static func batch(_ row: Row) throws(DatabaseError) -> BatchObject {
        var batch = BatchObject(
            id: BatchID(try uuid(row, "id")), status: try row.value("status"),
            createdAt: try row.value("created"))
        let input: String? = try row.optional("input_file")
        batch.inputFile = input.flatMap { UUIDText(hyphened: $0) }
        batch.window = try row.optional("time_window")
        batch.metadata = try json(row, "metadata")
        batch.model = try row.optional("model")
        batch.sealedAt = try row.optional("sealed")
        batch.expiresAt = try row.optional("expires")
        batch.finishedAt = try row.optional("finished")
        batch.cancelledAt = try row.optional("cancelled")
        batch.total = try row.value("total")
        batch.completed = try row.value("completed")
        batch.failed = try row.value("failed")
        batch.cancelled = try row.value("cancelled_jobs")
        batch.expired = try row.value("expired_jobs")
        batch.usage.prompt = try row.value("prompt_tokens")
        batch.usage.cached = try row.value("cached_tokens")
        batch.usage.completion = try row.value("completion_tokens")
        batch.usage.reasoning = try row.value("reasoning_tokens")
        batch.hasOutput = try row.value("has_output")
        batch.hasErrors = try row.value("has_errors")
        batch.lineErrors = try json(row, "line_errors")
        batch.outputExpiresAt = try row.optional("output_expires")
        return batch
    }

    /// A column's JSON; nil when it is NULL or has characters that a Unicode text cannot hold.
    private static func json(_ row: Row, _ column: String) throws(DatabaseError) -> JSONValue? {
        let text: String? = try row.optional(column)
        return text.flatMap { text in
            do throws(JSONError) { return try JSONValue(parsing: text) } catch { return nil }
        }
    }
}
