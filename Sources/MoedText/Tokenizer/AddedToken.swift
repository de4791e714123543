import MoedCore

/// An entry of `added_tokens` in `tokenizer.json`. The tokenizer cuts these tokens out of the text before it splits
/// the rest into words.
struct AddedToken: Sendable, Equatable {
    var id: TokenID
    var content: String
    /// True for a control token, which `skipSpecial` omits.
    var isSpecial: Bool
    /// True when the token is searched in the normalised text, by its normalised content; false searches the raw text.
    var isNormalized: Bool
    /// True when the token consumes the white space before it.
    var stripsLeft: Bool
    /// True when the token consumes the white space after it.
    var stripsRight: Bool
    /// True when the token is recognised only if no word character touches it.
    var isSingleWord: Bool

    /// True when a mark inside the token keeps it from being found.
    var isBreakable: Bool {
        content.unicodeScalars.count > 1 && !content.unicodeScalars.allSatisfy(\.properties.isWhitespace)
    }
}

/// Finds added tokens: leftmost first, and the longest of those that start at one position.
struct AddedTokenFinder: Sendable {
    enum Piece: Equatable {
        case text(Range<Int>)
        case token(TokenID)
    }

    private var tokens: [AddedToken] = []
    /// Trie over the bytes of the contents: (node, byte) → node; node 0 is the root.
    private var edges: [UInt64: Int32] = [:]
    /// Token that ends at each node; −1 for none.
    private var ends: [Int32] = [-1]
    private var starts = [Bool](repeating: false, count: 256)

    var isEmpty: Bool { tokens.isEmpty }

    /// - Parameter contents: byte strings to search, one for each of `tokens`, not empty.
    init(_ tokens: [AddedToken], contents: [[UInt8]]) {
        for (token, content) in zip(tokens, contents) {
            var node: Int32 = 0
            for byte in content {
                let edge = UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
                if let child = edges[edge] {
                    node = child
                } else {
                    node = Int32(ends.count)
                    edges[edge] = node
                    ends.append(-1)
                }
            }
            guard let first = content.first else { continue }
            starts[Int(first)] = true
            ends[Int(node)] = Int32(self.tokens.count)
            self.tokens.append(token)
        }
    }

    /// Splits the text at its added tokens. The pieces are in order and not empty.
    func pieces(of text: Span<UInt8>) -> [Piece] {
        guard !isEmpty else { return text.isEmpty ? [] : [.text(0..<text.count)] }
        var pieces: [Piece] = []
        var done = 0
        var at = 0
        while at < text.count {
            guard starts[Int(text[at])], let (token, matchEnd) = longestMatch(text, at) else {
                at += 1
                continue
            }
            let matchStart = at
            at = matchEnd
            if token.isSingleWord, Self.touchesWord(text, matchStart, matchEnd) { continue }
            let start = max(done, token.stripsLeft ? Self.spaceStart(text, before: matchStart) : matchStart)
            let end = token.stripsRight ? Self.spaceEnd(text, after: matchEnd) : matchEnd
            if done < start { pieces.append(.text(done..<start)) }
            pieces.append(.token(token.id))
            done = end
            at = max(at, end)
        }
        if done < text.count { pieces.append(.text(done..<text.count)) }
        return pieces
    }

    /// Places at which a token of at least two characters begins. Tokens of white space do not count.
    func starts(in text: Span<UInt8>) -> [Int] {
        guard !isEmpty else { return [] }
        var places: [Int] = []
        for at in 0..<text.count where starts[Int(text[at])] {
            guard let (token, _) = longestMatch(text, at), token.isBreakable else { continue }
            places.append(at)
        }
        return places
    }

    private func longestMatch(_ text: Span<UInt8>, _ start: Int) -> (AddedToken, end: Int)? {
        var node: Int32 = 0
        var best: (AddedToken, end: Int)?
        var at = start
        while at < text.count, let child = edges[UInt64(UInt32(bitPattern: node)) << 8 | UInt64(text[at])] {
            node = child
            at += 1
            if ends[Int(node)] >= 0 { best = (tokens[Int(ends[Int(node)])], at) }
        }
        return best
    }

    private static func scalarStart(_ text: Span<UInt8>, before index: Int) -> Int {
        var start = index - 1
        while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    private static func scalar(_ text: Span<UInt8>, at index: Int) -> Unicode.Scalar? {
        Unicode.Scalar(UTF8Scalar.decode(text, at: index).value)
    }

    private static func touchesWord(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        if start > 0, let before = scalar(text, at: scalarStart(text, before: start)), isWord(before) {
            return true
        }
        if end < text.count, let after = scalar(text, at: end), isWord(after) { return true }
        return false
    }

    /// `\w` of Unicode regular expressions (UTS #18, annex C).
    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: true
        default: scalar.properties.isAlphabetic || scalar.properties.isJoinControl
        }
    }

    private static func spaceStart(_ text: Span<UInt8>, before index: Int) -> Int {
        var start = index
        while start > 0 {
            let previous = scalarStart(text, before: start)
            guard scalar(text, at: previous)?.properties.isWhitespace == true else { break }
            start = previous
        }
        return start
    }

    private static func spaceEnd(_ text: Span<UInt8>, after index: Int) -> Int {
        var end = index
        while end < text.count, scalar(text, at: end)?.properties.isWhitespace == true {
            end += UTF8Scalar.decode(text, at: end).length
        }
        return end
    }
}
