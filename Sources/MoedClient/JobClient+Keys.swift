package import MoedPostgres

extension JobClient {
    /// The members of a new key of the gateway.
    package struct NewKey: Sendable {
        package var tenant: String
        /// SHA-256 of the key.
        package var digest: String
        package var hint: String
        package var name: String?
        package var scopes: [String]
        /// Seconds after which it is refused.
        package var lifetime: Double?
        /// Limits of its direct requests; nil is none.
        package var requestsPerMinute: Int?
        package var tokensPerMinute: Int?

        package init(tenant: String, digest: String, hint: String, scopes: [String]) {
            self.tenant = tenant
            self.digest = digest
            self.hint = hint
            self.scopes = scopes
        }
    }

    /// A key of the gateway as lists show it. Times are texts of the database.
    package struct KnownKey: Sendable, Equatable {
        package var number: Int64
        package var tenant: String
        package var name: String
        package var hint: String
        package var scopes: String
        package var createdAt: String
        package var expiresAt: String?
        package var revokedAt: String?
        package var requestsPerMinute: Int?
        package var tokensPerMinute: Int?
    }

    /// Adds a key and returns its number.
    package func createKey(_ key: NewKey) async throws(DatabaseError) -> Int64 {
        let scopes = SQLArray<String>(key.scopes)
        let number: Int64? = try await value(
            """
            SELECT moed.create_key(\(key.tenant), \(key.digest), \(key.hint), \(key.name), \(scopes),
              clock_timestamp() + make_interval(secs => \(key.lifetime)),
              \(key.requestsPerMinute.map { Int32(clamping: $0) }),
              \(key.tokensPerMinute.map { Int32(clamping: $0) })) AS value
            """)
        guard let number else { throw DatabaseError(.protocolViolation, "moed.create_key returns nothing") }
        return number
    }

    package func keys() async throws(DatabaseError) -> [KnownKey] {
        let found = try await rows(
            """
            SELECT k.id, coalesce(t.name, '?') AS tenant, k.name, k.hint, array_to_string(k.scopes, ',') AS scopes,
                   moed.utc(k.created_at) AS created,
                   CASE WHEN k.expires_at IS NOT NULL THEN moed.utc(k.expires_at) END AS expires,
                   CASE WHEN k.revoked_at IS NOT NULL THEN moed.utc(k.revoked_at) END AS revoked,
                   k.requests_per_minute, k.tokens_per_minute
              FROM moed.api_key k LEFT JOIN moed.tenant t ON t.id = k.tenant_id ORDER BY k.id
            """)
        var keys: [KnownKey] = []
        for row in found {
            keys.append(
                KnownKey(
                    number: try row.value("id"), tenant: try row.value("tenant"), name: try row.value("name"),
                    hint: try row.value("hint"), scopes: try row.value("scopes"),
                    createdAt: try row.value("created"),
                    expiresAt: try row.optional("expires"), revokedAt: try row.optional("revoked"),
                    requestsPerMinute: try row.optional("requests_per_minute"),
                    tokensPerMinute: try row.optional("tokens_per_minute")))
        }
        return keys
    }

    /// Ends a key; false when there is none or it was revoked before.
    package func revokeKey(_ number: Int64) async throws(DatabaseError) -> Bool {
        try await value("SELECT moed.revoke_key(\(number)) AS value") ?? false
    }
}
