package import MoedCore
package import MoedPostgres

/// Checkpointed output as a claim returns it: a JSON array of pieces, ordered by choice and first token. A piece is an
/// object `{"choice": 0, "first_token": 0, "token_ids": [5, 6]}`.
package enum SavedOutput {
    /// Concatenates the pieces by choice. A piece that does not begin at the end of the previous one is left out, with
    /// all pieces after it.
    ///
    /// - Parameter json: nil when nothing is checkpointed.
    /// - Throws: `DatabaseError(.protocolViolation)` when the text has another form.
    package static func tokens(json: String?) throws(DatabaseError) -> [Int: [TokenID]] {
        guard let json else { return [:] }
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: json) } catch { throw malformed("\(error)") }
        guard case .array(let pieces) = value else { throw malformed("no array") }
        var saved: [Int: [TokenID]] = [:]
        for piece in pieces {
            guard case .object(let members) = piece, let choice = integer(members["choice"]),
                let first = integer(members["first_token"]),
                case .array(let ids) = members["token_ids"] ?? .null
            else { throw malformed("a piece is not an object of choice, first_token and token_ids") }
            var tokens: [TokenID] = []
            tokens.reserveCapacity(ids.count)
            for id in ids {
                guard let number = integer(id), let token = TokenID(exactly: number) else {
                    throw malformed("a token id is no 32-bit integer")
                }
                tokens.append(token)
            }
            if first == saved[choice, default: []].count { saved[choice, default: []] += tokens }
        }
        return saved
    }

    private static func integer(_ value: JSONValue?) -> Int? {
        guard case .integer(let number) = value else { return nil }
        return Int(number)
    }

    private static func malformed(_ reason: String) -> DatabaseError {
        DatabaseError(.protocolViolation, "malformed checkpoint pieces: \(reason)")
    }
}
