package import MoedCore

/// A file of the API.
package struct FileObject: Sendable, Equatable {
    package var id: FileID
    package var name: String
    package var purpose: String
    package var bytes: Int
    /// Unix seconds.
    package var createdAt: Int
    package var expiresAt: Int?

    package init(id: FileID, name: String, purpose: String, bytes: Int, createdAt: Int) {
        self.id = id
        self.name = name
        self.purpose = purpose
        self.bytes = bytes
        self.createdAt = createdAt
    }

    package var object: JSONValue {
        var object = JSONObject([
            ("id", .string(id.description)), ("object", "file"), ("bytes", .integer(Int64(bytes))),
            ("created_at", .integer(Int64(createdAt))), ("filename", .string(name)),
            ("purpose", .string(purpose)),
            ("status", "processed"), ("status_details", .null),
        ])
        if let expiresAt { object["expires_at"] = .integer(Int64(expiresAt)) }
        return .object(object)
    }

    /// The answer to a deletion.
    package static func deleted(_ id: FileID) -> JSONValue {
        ["id": .string(id.description), "object": "file", "deleted": true]
    }
}
