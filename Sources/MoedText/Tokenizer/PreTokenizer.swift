/// Splits text into words by Qwen2's pattern, implemented as a scanner. Tokens are merged only within a word.
///
/// The pattern's alternatives, tried in this order at each position (Qwen2 technical report, `tokenizer.json`):
/// contraction · optional non-letter and letters · one number · optional blank and symbols and line ends ·
/// white space up to a line end · white space before a blank · white space.
struct PreTokenizer: Sendable, Equatable {
    /// Longest run of numbers in one word: 1 for Qwen, 3 for relatives that spell `\p{N}{1,3}`.
    let digitsMax: Int

    private static func pattern(digits: String) -> String {
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
            + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    /// Makes the scanner for a pattern of `tokenizer.json`; nil when the pattern is unknown.
    init?(pattern: String) {
        if pattern == Self.pattern(digits: #"\p{N}"#) {
            digitsMax = 1
        } else if pattern == Self.pattern(digits: #"\p{N}{1,3}"#) {
            digitsMax = 3
        } else {
            return nil
        }
    }

    /// End of the word that starts at `start`. `text` is one whole piece of valid UTF-8 and contains `start`.
    func wordEnd(in text: Span<UInt8>, from start: Int, classes: ScalarClass.Table) -> Int {
        let first = text[start]
        if first == UInt8(ascii: "'"), let end = contractionEnd(text, start) { return end }
        let (kind, length) = classes.classify(text, at: start)
        let next = start + length
        switch kind {
        case .letter:
            return runEnd(of: .letter, text, next, classes)
        case .number:
            return runEnd(of: .number, text, next, classes, atMost: digitsMax - 1)
        case .other:
            if next < text.count, classes.classify(text, at: next).0 == .letter {
                return runEnd(of: .letter, text, next, classes)
            }
            return symbolsEnd(text, next, classes)
        case .space:
            if next < text.count {
                let following = classes.classify(text, at: next).0
                if following == .letter { return runEnd(of: .letter, text, next, classes) }
                if following == .other, first == UInt8(ascii: " ") { return symbolsEnd(text, next, classes) }
            }
            return spaceEnd(text, start, classes)
        case .lineEnd:
            return spaceEnd(text, start, classes)
        }
    }

    private func runEnd(
        of kind: ScalarClass, _ text: Span<UInt8>, _ start: Int, _ classes: ScalarClass.Table,
        atMost limit: Int = .max
    ) -> Int {
        var end = start
        var left = limit
        while left > 0, end < text.count {
            let (found, length) = classes.classify(text, at: end)
            guard found == kind else { break }
            end += length
            left -= 1
        }
        return end
    }

    private func symbolsEnd(_ text: Span<UInt8>, _ start: Int, _ classes: ScalarClass.Table) -> Int {
        runEnd(of: .lineEnd, text, runEnd(of: .other, text, start, classes), classes)
    }

    /// End of a word of white space. The word ends after the run's last line end, if there is one. Otherwise it ends
    /// before the run's last character, so that a blank stays with the following word. At the end of the text, and
    /// for a run of one character, the word is the whole run.
    private func spaceEnd(_ text: Span<UInt8>, _ start: Int, _ classes: ScalarClass.Table) -> Int {
        var end = start
        var lastStart = start
        var lineEnd = start
        while end < text.count {
            let (kind, length) = classes.classify(text, at: end)
            guard kind == .space || kind == .lineEnd else { break }
            lastStart = end
            end += length
            if kind == .lineEnd { lineEnd = end }
        }
        if lineEnd > start { return lineEnd }
        return end < text.count && lastStart > start ? lastStart : end
    }

    /// End of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d` in any case; U+017F (long s) folds to s.
    private func contractionEnd(_ text: Span<UInt8>, _ start: Int) -> Int? {
        guard start + 1 < text.count else { return nil }
        let first = text[start + 1] | 0x20
        switch first {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
            return start + 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"), UInt8(ascii: "l"):
            guard start + 2 < text.count else { return nil }
            let second = first == UInt8(ascii: "l") ? first : UInt8(ascii: "e")
            return text[start + 2] | 0x20 == second ? start + 3 : nil
        default:
            guard start + 2 < text.count, text[start + 1] == 0xC5, text[start + 2] == 0xBF else { return nil }
            return start + 3
        }
    }
}
