/// A condition on the text of an answer, as a set of tokens that may come next.
///
/// A value depends only on the tokens that it has accepted. A crashed job makes it again from its saved tokens.
package protocol TokenConstraint: Sendable {
    /// Tokens that may come next, an end token included where the answer may end.
    ///
    /// - Parameter room: number of tokens that still fit, this one and the end token included. Near the end only
    ///   tokens remain that leave enough room to complete the answer.
    func mask(room: Int) -> TokenMask

    /// Takes the next token of the answer; tokens outside of the mask make the constraint allow only the end.
    mutating func accept(_ token: TokenID)

    /// Number of tokens that complete the answer, without the end token.
    var distanceToEnd: Int { get }

    /// True when the answer may end here.
    var isComplete: Bool { get }

    /// True when nothing but the end may follow.
    var isFinished: Bool { get }
}

/// A set of token ids below a fixed count.
package struct TokenMask: Sendable, Equatable {
    /// Bit t % 64 of word t / 64 is token t.
    package private(set) var words: [UInt64]

    /// An empty set.
    package init(count: Int) { words = [UInt64](repeating: 0, count: (max(count, 0) + 63) / 64) }

    /// All ids below `count` but those of `excluded`.
    package init(count: Int, allBut excluded: Set<TokenID>) {
        self.init(count: count)
        for index in words.indices { words[index] = .max }
        for token in excluded where token >= 0 && Int(token) / 64 < words.count {
            words[Int(token) / 64] &= ~(1 << UInt64(token % 64))
        }
    }

    package func contains(_ token: TokenID) -> Bool {
        let index = Int(token)
        guard index >= 0, index / 64 < words.count else { return false }
        return words[index / 64] >> UInt64(index % 64) & 1 == 1
    }

    /// Adds a token; ids beyond the count are ignored.
    package mutating func insert(_ token: TokenID) {
        let index = Int(token)
        guard index >= 0, index / 64 < words.count else { return }
        words[index / 64] |= 1 << UInt64(index % 64)
    }

    /// Takes a token out; ids beyond the count are ignored.
    package mutating func remove(_ token: TokenID) {
        let index = Int(token)
        guard index >= 0, index / 64 < words.count else { return }
        words[index / 64] &= ~(1 << UInt64(index % 64))
    }

    package mutating func formUnion(_ other: TokenMask) {
        for index in 0..<min(words.count, other.words.count) { words[index] |= other.words[index] }
    }

    /// Number of tokens in the set.
    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// The member with so many members before it; the last one beyond the count, and 0 of an empty set.
    package func member(_ place: Int) -> TokenID {
        var left = place
        var last = TokenID(0)
        for (index, word) in words.enumerated() where word != 0 {
            guard left >= word.nonzeroBitCount else {
                var rest = word
                for _ in 0..<max(0, left) { rest &= rest - 1 }
                return TokenID(index * 64 + rest.trailingZeroBitCount)
            }
            left -= word.nonzeroBitCount
            last = TokenID(index * 64 + 63 - word.leadingZeroBitCount)
        }
        return last
    }

    /// Tokens in rising order.
    package var tokens: [TokenID] {
        var tokens: [TokenID] = []
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                tokens.append(TokenID(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        return tokens
    }
}
