import MoedClient
import MoedCore
import MoedHost
import MoedOpenAI

/// Options of `moed key create`.
package struct NewKeyOptions: Sendable {
    package var tenant: String
    package var name: String?
    /// Empty for batches and chat.
    package var scopes: [String] = []
    /// Lifetime such as `90d`; nil is for ever.
    package var expires: String?
    /// Limits of direct requests; nil is none.
    package var requestsPerMinute: Int?
    package var tokensPerMinute: Int?

    package init(tenant: String) { self.tenant = tenant }
}

/// `moed key`.
package enum KeyCommands {
    private static let scopes = ["batches", "chat", "operate"]
    private static let usualScopes = ["batches", "chat"]

    /// Creates a key and prints it: nothing else has it afterwards.
    package static func create(conninfo: String, _ options: NewKeyOptions, asJSON: Bool) async throws {
        let (tenant, scopes) = (options.tenant, options.scopes)
        for scope in scopes where !Self.scopes.contains(scope) {
            throw CommandError("--scope must be batches, chat or operate, not “\(scope)”")
        }
        let key = GatewayKey()
        var new = JobClient.NewKey(
            tenant: tenant, digest: key.digest, hint: key.hint, scopes: scopes.isEmpty ? Self.usualScopes : scopes)
        new.name = options.name
        (new.requestsPerMinute, new.tokensPerMinute) = (options.requestsPerMinute, options.tokensPerMinute)
        if let expires = options.expires {
            guard let lifetime = Duration(setting: expires), lifetime > .zero else {
                throw CommandError("--expires must be a time like 12h or 90d, not “\(expires)”")
            }
            new.lifetime = Double(lifetime.components.seconds)
        }
        let request = new
        let number = try await CommandConnection.with(conninfo) { client in
            try await client.createKey(request)
        }
        if asJSON {
            let object: JSONValue = [
                "number": .integer(number), "tenant": .string(tenant), "key": .string(key.text),
            ]
            print(object.serialized())
        } else {
            print(key.text)
            Host.printError("moed: key \(number) of tenant \(tenant); it is shown this once")
        }
    }

    package static func list(conninfo: String, asJSON: Bool) async throws {
        let keys = try await CommandConnection.with(conninfo) { client in try await client.keys() }
        var table = TextTable([
            "number", "tenant", "name", "key", "scopes", "created", "expires", "revoked", "requests_per_minute",
            "tokens_per_minute",
        ])
        for key in keys {
            table.add([
                .integer(key.number), .string(key.tenant), .string(key.name), .string(key.hint),
                .string(key.scopes),
                .string(key.createdAt), .optional(key.expiresAt), .optional(key.revokedAt),
                .optional(key.requestsPerMinute), .optional(key.tokensPerMinute),
            ])
        }
        print(asJSON ? table.jsonLines : table.text, terminator: "")
    }

    package static func revoke(conninfo: String, number: Int64) async throws {
        guard try await CommandConnection.with(conninfo, { client in try await client.revokeKey(number) })
        else {
            throw CommandError("there is no key \(number), or it was revoked before")
        }
        print("key \(number) is revoked")
    }
}

extension JSONValue {
    static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    static func optional(_ number: Int?) -> JSONValue { number.map { .integer(Int64($0)) } ?? .null }
}
