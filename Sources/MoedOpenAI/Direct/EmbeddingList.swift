import MoedCore

/// OpenAI's list of embeddings, from the answers of the inputs.
enum EmbeddingList {
    static func object(_ answers: [JSONValue], _ encoding: EmbeddingsRequest.Encoding) -> JSONValue {
        let data = answers.enumerated().map { index, answer -> JSONValue in
            let embedding = answer["data"]?.array?.first?["embedding"] ?? .null
            return [
                "object": "embedding", "index": .integer(Int64(index)),
                "embedding": encoding == .base64 ? base64(embedding) : embedding,
            ]
        }
        let tokens = answers.reduce(Int64(0)) { sum, answer in
            let (total, overflow) = sum.addingReportingOverflow(Int64(answer["usage"]?["prompt_tokens"]?.integer ?? 0))
            return overflow ? .max : total
        }
        return [
            "object": "list", "data": .array(data), "model": answers.first?["model"] ?? .null,
            "usage": ["prompt_tokens": .integer(tokens), "total_tokens": .integer(tokens)],
        ]
    }

    /// The components as f32, least significant byte first, in base64.
    private static func base64(_ embedding: JSONValue) -> JSONValue {
        let bytes = (embedding.array ?? []).flatMap { component -> [UInt8] in
            let bits = Float(component.number ?? 0).bitPattern
            return [0, 8, 16, 24].map { (shift: UInt32) in UInt8(truncatingIfNeeded: bits >> shift) }
        }
        return .string(Base64.text(of: bytes))
    }
}

/// Base64 with padding (RFC 4648).
enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(of bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let bits = (0..<3).reduce(0) { $0 << 8 | ($1 < part.count ? Int(part[start + $1]) : 0) }
            for digit in 0..<4 {
                text.append(digit <= part.count ? digits[bits >> (18 - 6 * digit) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
