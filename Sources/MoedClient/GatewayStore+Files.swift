import MoedCore
package import MoedOpenAI
import MoedPostgres

extension GatewayStore {
    /// Begins an upload and returns its file.
    package func beginFile(_ key: String, name: String) async throws(APIError) -> UUIDText {
        let file = try await one("SELECT moed.api_begin_file(\(key), \(name))::text AS id") {
            row throws(DatabaseError) in
            try Self.uuid(row, "id")
        }
        guard let file else { throw APIError(500, "the database returns no file", code: "server_error") }
        return file
    }

    package func addPart(_ key: String, _ file: UUIDText, part: Int, _ slice: LineSlicer.Slice)
        async throws(APIError)
    {
        _ = try await query(
            """
            SELECT moed.api_add_part(\(key), \(file.compact)::uuid, \(Int32(clamping: part)), \(slice.text),
                                     \(Int32(clamping: slice.lines)))
            """)
    }

    package func finishFile(_ key: String, _ file: UUIDText, purpose: String, expiry: Int?)
        async throws(APIError)
    {
        _ = try await query(
            """
            SELECT moed.api_finish_file(\(key), \(file.compact)::uuid, \(purpose),
                                        \(expiry.map { Int32(clamping: $0) }))
            """)
    }

    /// An uploaded file.
    package func file(_ key: String, _ file: UUIDText) async throws(APIError) -> FileObject? {
        try await one(
            "\(Self.fileColumns) FROM moed.api_files(\(key), only_file => \(file.compact)::uuid)", Self.file)
    }

    /// Uploaded files; one more than `limit` tells that there are more.
    package func files(_ key: String, _ query: ListQuery, limit: Int) async throws(APIError) -> [FileObject] {
        var after: String?
        if let text = query.after {
            guard case .upload(let id)? = FileID(text) else { return [] }
            after = id.compact
        }
        return try await all(
            """
            \(Self.fileColumns) FROM moed.api_files(\(key), after_file => \(after)::uuid,
              max_files => \(Int32(clamping: limit)),
              only_purpose => \(query.purpose), oldest_first => \(query.isOldestFirst))
            """, Self.file)
    }

    /// Deletes an uploaded file, or an output file of a batch for the API; false when there is none.
    package func delete(_ key: String, _ file: FileID) async throws(APIError) -> Bool {
        let statement: SQL =
            switch file {
            case .upload(let id): "SELECT moed.api_delete_file(\(key), \(id.compact)::uuid) AS done"
            case .output(let batch):
                "SELECT moed.api_delete_output(\(key), \(batch.compact)::uuid, true) AS done"
            case .errors(let batch):
                "SELECT moed.api_delete_output(\(key), \(batch.compact)::uuid, false) AS done"
            }
        return try await one(statement) { row throws(DatabaseError) in try row.value("done") } ?? false
    }

    /// A part of an uploaded file; nil after the last one.
    package func part(_ key: String, _ file: UUIDText, _ part: Int) async throws(APIError) -> String? {
        try await one(
            "SELECT moed.api_file_part_of(\(key), \(file.compact)::uuid, \(Int32(clamping: part))) AS content"
        ) { row throws(DatabaseError) in try row.optional("content", as: String.self) } ?? nil
    }

    private static var fileColumns: SQL {
        """
        SELECT id::text AS id, name, purpose, bytes, extract(epoch FROM created_at)::bigint AS created,
               extract(epoch FROM expires_at)::bigint AS expires
        """
    }

    private static func file(_ row: Row) throws(DatabaseError) -> FileObject {
        var file = FileObject(
            id: .upload(try uuid(row, "id")), name: try row.value("name"), purpose: try row.value("purpose"),
            bytes: try row.value("bytes"), createdAt: try row.value("created"))
        file.expiresAt = try row.optional("expires")
        return file
    }

    static func uuid(_ row: Row, _ column: String) throws(DatabaseError) -> UUIDText {
        guard let id = UUIDText(hyphened: try row.value(column)) else {
            throw DatabaseError(.protocolViolation, "column \(column) is no UUID")
        }
        return id
    }
}
