import MoedCore

/// A key of the gateway, which only its owner has. The database knows the digest of its digest.
package struct GatewayKey: Sendable {
    package let text: String

    private static let mark = "sk-moed-"
    private static let secretBytes = 24
    private static let hintCharacters = 14

    /// A new key from the system's random numbers.
    package init() {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<Self.secretBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        text = Self.mark + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The digest that goes to the database in place of the key.
    package var digest: String { SHA256.hexadecimal(text) }
    /// The first characters, by which the owner recognises the key.
    package var hint: String { String(text.prefix(Self.hintCharacters)) }

    /// The digest of the key in a request's header `Authorization`, or in Anthropic's `x-api-key`.
    package static func digest(authorization header: String?, apiKey: String? = nil) throws(APIError) -> String {
        if header == nil, let apiKey { return SHA256.hexadecimal(apiKey) }
        let parts = (header ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw APIError(401, "give an API key in the header Authorization: Bearer sk-…")
        }
        return SHA256.hexadecimal(String(parts[1].drop { $0 == " " }))
    }
}
