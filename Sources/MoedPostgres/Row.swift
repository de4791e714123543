/// One row of a result, read by column name.
package struct Row: Sendable {
    let columns: [String: Int]
    let cells: [String?]

    /// The value of a column that is never NULL.
    /// - Throws: `DatabaseError(.protocolViolation)` when the column is absent, NULL or of another type.
    package func value<T: SQLDecodable>(_ column: String, as type: T.Type = T.self) throws(DatabaseError) -> T
    {
        guard let value: T = try optional(column) else {
            throw DatabaseError(.protocolViolation, "column \(column) is NULL")
        }
        return value
    }

    /// The value of a column, nil when it is NULL.
    /// - Throws: `DatabaseError(.protocolViolation)` when the column is absent or of another type.
    package func optional<T: SQLDecodable>(_ column: String, as type: T.Type = T.self) throws(DatabaseError)
        -> T?
    {
        guard let index = columns[column] else {
            throw DatabaseError(.protocolViolation, "there is no column \(column)")
        }
        guard let text = cells[index] else { return nil }
        guard let value = T(sqlText: text) else {
            throw DatabaseError(.protocolViolation, "column \(column) is not of type \(T.self)")
        }
        return value
    }
}
