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

/// Finds added tokens: leftmost first, and the longest of those that start at one position. Time is linear in the text.
struct AddedTokenFinder: Sendable {
    enum Piece: Equatable {
        case text(Range<Int>)
        case token(TokenID)
    }

    private let tokens: [AddedToken]
    /// Length in bytes of each token's content.
    private let lengths: [Int]
    private let search: StringSearch

    var isEmpty: Bool { tokens.isEmpty }

    /// - Parameter contents: byte strings to search, one for each of `tokens`; empty ones are never found.
    init(_ tokens: [AddedToken], contents: [[UInt8]]) {
        self.tokens = tokens
        lengths = contents.map(\.count)
        search = StringSearch(contents)
    }

    /// Splits the text at its added tokens. The pieces are in order and not empty.
    ///
    /// - Parameter body: gets each piece; false ends the splitting.
    func forEachPiece(of text: Span<UInt8>, _ body: (Piece) -> Bool) {
        var done = 0
        var at = 0
        let matches = isEmpty ? [] : search.matchesFromEnd(text)
        for match in matches.reversed() where Int(match.place) >= at {
            let token = tokens[Int(match.string)]
            let matchStart = Int(match.place)
            let matchEnd = matchStart + lengths[Int(match.string)]
            at = matchEnd
            if token.isSingleWord, Self.touchesWord(text, matchStart, matchEnd) { continue }
            let start = token.stripsLeft ? Self.spaceStart(text, before: matchStart, notBefore: done) : matchStart
            let end = token.stripsRight ? Self.spaceEnd(text, after: matchEnd) : matchEnd
            if done < start, !body(.text(done..<start)) { return }
            guard body(.token(token.id)) else { return }
            done = end
            at = max(at, end)
        }
        if done < text.count { _ = body(.text(done..<text.count)) }
    }

    /// Places at which a token of at least two characters begins. Tokens of white space do not count.
    func starts(in text: Span<UInt8>) -> [Int] {
        guard !isEmpty else { return [] }
        let breakable = tokens.map(\.isBreakable)
        return search.matchesFromEnd(text).reversed().filter { breakable[Int($0.string)] }.map { Int($0.place) }
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

    private static func spaceStart(_ text: Span<UInt8>, before index: Int, notBefore first: Int) -> Int {
        var start = index
        while start > first {
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
