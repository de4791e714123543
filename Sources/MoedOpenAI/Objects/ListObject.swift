package import MoedCore

/// OpenAI's list of objects, with cursors.
package enum ListObject {
    /// - Parameter ids: of the objects; the first and the last one are the cursors.
    package static func of(_ objects: [JSONValue], ids: [String], hasMore: Bool) -> JSONValue {
        [
            "object": "list", "data": .array(objects), "first_id": ids.first.map { .string($0) } ?? .null,
            "last_id": ids.last.map { .string($0) } ?? .null, "has_more": .bool(hasMore),
        ]
    }

    package static func model(_ name: String, createdAt: Int) -> JSONValue {
        [
            "id": .string(name), "object": "model", "created": .integer(Int64(createdAt)), "owned_by": "moed",
        ]
    }
}
