package import MoedCore

/// The texts of a model's tokens, prepared for masks. It is made once for a tokenizer.
package final class TokenVocabulary: Sendable {
    /// Number of ids that logits have.
    package let count: Int
    /// Ids that end an answer.
    package let endIDs: [TokenID]
    /// Text of each id; empty for ids without text, such as control tokens.
    let texts: [[UInt8]]
    /// All tokens of up to `lengthMax` bytes.
    let trie: TokenTrie
    /// Those of them that are not in a slice.
    let restTrie: TokenTrie
    /// Longer tokens.
    let long: [TokenID]
    /// Tokens of plain text, which may stand in any JSON string, by the most code points that they have.
    let slices: [TokenMask]
    /// The same tokens, by the number of their code points.
    let exact: [TokenMask]
    let budget = MaskBudget()
    /// Tokens of line feeds alone.
    let lineFeeds: [(id: TokenID, count: Int)]

    static let lengthMax = 64
    static let pointsMax = 32

    /// - Parameters:
    ///   - texts: bytes by id; empty for tokens that are never part of a text.
    ///   - endIDs: ids below `texts.count`; others are ignored.
    package init(texts: [[UInt8]], endIDs: some Sequence<TokenID>) {
        count = texts.count
        self.texts = texts
        self.endIDs = Set(endIDs).filter { $0 >= 0 && Int($0) < texts.count }.sorted()
        var all: [(id: TokenID, bytes: [UInt8])] = []
        var rest: [(id: TokenID, bytes: [UInt8])] = []
        var long: [TokenID] = []
        var slices = [TokenMask](repeating: TokenMask(count: texts.count), count: Self.pointsMax + 1)
        var lineFeeds: [(id: TokenID, count: Int)] = []
        for (index, text) in texts.enumerated() where !text.isEmpty {
            let id = TokenID(index)
            guard text.count <= Self.lengthMax else {
                long.append(id)
                continue
            }
            all.append((id, text))
            if text.allSatisfy({ $0 == 10 }) { lineFeeds.append((id, text.count)) }
            if let points = Self.plainPoints(text), points <= Self.pointsMax {
                slices[points].insert(id)
            } else {
                rest.append((id, text))
            }
        }
        exact = slices
        for points in 1...Self.pointsMax { slices[points].formUnion(slices[points - 1]) }
        trie = TokenTrie(all)
        restTrie = TokenTrie(rest)
        self.long = long
        self.slices = slices
        self.lineFeeds = lineFeeds
    }

    /// A byte that no token consists of: texts with it cannot be written; nil when there is none.
    package var missingByte: UInt8? {
        // 0xC0, 0xC1 and from 0xF5 on are in no UTF-8.
        (UInt8(0)...0xF4).first {
            $0 != 0xC0 && $0 != 0xC1 && trie.child(of: -1, $0).map { trie.tokens[$0] < 0 } ?? true
        }
    }

    /// Code points of a text that may stand anywhere in a JSON string; nil for other texts.
    private static func plainPoints(_ text: [UInt8]) -> Int? {
        guard !text.contains(where: { !PlainText.contains($0) }),
            String(validating: text, as: UTF8.self) != nil
        else { return nil }
        return text.count { $0 & 0xC0 != 0x80 }
    }
}
