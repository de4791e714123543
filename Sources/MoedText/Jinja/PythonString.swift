/// Python's string operations on UTF-8 bytes, linear in their input whatever it is. A match of valid UTF-8 in valid
/// UTF-8 begins and ends between code points, so bytes are searched where Python searches code points.
enum PythonString {
    static func contains(_ text: String, _ part: String) -> Bool {
        matches(of: Array(part.utf8), in: Array(text.utf8), max: 1).first != nil
    }

    /// Byte offsets of the first `max` matches that do not overlap, left to right.
    ///
    /// - Parameter part: An empty part matches at 0 only.
    static func matches(of part: [UInt8], in text: [UInt8], max: Int) -> [Int] {
        guard !part.isEmpty else { return max > 0 ? [0] : [] }
        guard max > 0 else { return [] }
        var places: [Int] = []
        ByteSearch.forEachMatch(of: part, in: text[...]) { place in
            places.append(place)
            return places.count < max
        }
        return places
    }

    /// The same from the right: offsets of the last `max` matches, in rising order.
    private static func lastMatches(of part: [UInt8], in text: [UInt8], max: Int) -> [Int] {
        matches(of: part.reversed(), in: text.reversed(), max: max)
            .map { text.count - $0 - part.count }.reversed()
    }

    /// Number of matches that do not overlap. An empty part matches before, between and after all code points.
    static func count(_ part: String, in text: String) -> Int {
        guard !part.isEmpty else { return text.unicodeScalars.count + 1 }
        var count = 0
        ByteSearch.forEachMatch(of: Array(part.utf8), in: Array(text.utf8)[...]) { _ in
            count += 1
            return true
        }
        return count
    }

    /// The places of `count` ones in which a search from `start` to `end` looks; nil when it begins after its end,
    /// so that it does not even find an empty text.
    static func bounds(_ start: Int?, _ end: Int?, count: Int) -> Range<Int>? {
        func counted(_ bound: Int) -> Int { max(bound < 0 ? bound + count : bound, 0) }
        let start = start.map(counted) ?? 0
        let end = min(end.map(counted) ?? count, count)
        return start <= end ? start..<end : nil
    }

    /// Maximum number of pieces of `split()` at runs of white space.
    static func words(_ text: String) -> Int {
        var words = 0
        var isInWord = false
        for scalar in text.unicodeScalars {
            let isSpace = scalar.isPythonSpace
            if !isSpace, !isInWord { words += 1 }
            isInWord = !isSpace
        }
        return words
    }

    /// Maximum number of line breaks.
    static func lineBreaks(_ text: String) -> Int {
        // The others begin with one of these bytes: U+0085, U+2028 and U+2029.
        text.utf8.reduce(0) { count, byte in
            switch byte {
            case 0x0A...0x0D, 0x1C...0x1E, 0xC2, 0xE2: count + 1
            default: count
            }
        }
    }

    /// Byte offset of the first or last match; nil when there is none.
    static func find(_ part: String, in text: String, fromEnd: Bool) -> Int? {
        let (part, text) = (Array(part.utf8), Array(text.utf8))
        if part.isEmpty { return fromEnd ? text.count : 0 }
        return fromEnd
            ? lastMatches(of: part, in: text, max: 1).first : matches(of: part, in: text, max: 1).first
    }

    /// `split(separator, splitsMax)` and `rsplit`. The separator must not be empty; negative: no limit.
    static func split(_ text: String, by separator: String, splitsMax: Int, fromEnd: Bool) -> [String] {
        let (part, bytes) = (Array(separator.utf8), Array(text.utf8))
        let most = splitsMax < 0 ? Int.max : splitsMax
        let places =
            fromEnd
            ? lastMatches(of: part, in: bytes, max: most) : matches(of: part, in: bytes, max: most)
        var pieces: [String] = []
        var start = 0
        for place in places {
            pieces.append(String(decoding: bytes[start..<place], as: UTF8.self))
            start = place + part.count
        }
        pieces.append(String(decoding: bytes[start...], as: UTF8.self))
        return pieces
    }

    /// `split()` at runs of white space.
    static func split(_ text: String, splitsMax: Int, fromEnd: Bool) -> [String] {
        var pieces: [String] = []
        var rest = text.unicodeScalars[...]
        while true {
            rest = fromEnd ? trimmedEnd(rest) : rest.drop(while: \.isPythonSpace)
            if rest.isEmpty { break }
            guard splitsMax < 0 || pieces.count < splitsMax else {
                // The rest keeps its other spaces.
                pieces.append(String(rest))
                break
            }
            let piece = fromEnd ? suffix(of: rest) : rest.prefix { !$0.isPythonSpace }
            pieces.append(String(piece))
            rest = fromEnd ? rest.dropLast(piece.count) : rest.dropFirst(piece.count)
        }
        return fromEnd ? pieces.reversed() : pieces
    }

    private static func trimmedEnd(_ text: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
        var text = text
        while text.last?.isPythonSpace == true { text.removeLast() }
        return text
    }

    private static func suffix(of text: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
        var start = text.endIndex
        while start > text.startIndex, !text[text.index(before: start)].isPythonSpace {
            start = text.index(before: start)
        }
        return text[start...]
    }

    /// `splitlines`: at every kind of line break that Python knows.
    static func lines(_ text: String, keepEnds: Bool = false) -> [String] {
        let scalars = text.unicodeScalars
        var lines: [String] = []
        var start = scalars.startIndex
        var place = start
        while place < scalars.endIndex {
            let scalar = scalars[place]
            let end = place
            scalars.formIndex(after: &place)
            switch scalar.value {
            case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: break
            default: continue
            }
            if scalar == "\r", place < scalars.endIndex, scalars[place] == "\n" {
                scalars.formIndex(after: &place)
            }
            lines.append(String(scalars[start..<(keepEnds ? place : end)]))
            start = place
        }
        if start < scalars.endIndex { lines.append(String(scalars[start...])) }
        return lines
    }

    /// `strip(characters)`: of white space when no characters are given.
    static func strip(_ text: String, _ characters: String?, start: Bool = true, end: Bool = true) -> String {
        let set = characters.map { Set($0.unicodeScalars) }
        func isStripped(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? scalar.isPythonSpace }
        var rest = text.unicodeScalars[...]
        if start { rest = rest.drop(while: isStripped) }
        if end {
            while let last = rest.last, isStripped(last) { rest.removeLast() }
        }
        return String(rest)
    }

    /// `replace(old, new, replacementsMax)`; negative: no limit. An empty old text matches between all code points.
    static func replace(_ text: String, _ old: String, with new: String, replacementsMax: Int) -> String {
        guard old.isEmpty else {
            return split(text, by: old, splitsMax: replacementsMax, fromEnd: false).joined(separator: new)
        }
        var left = replacementsMax < 0 ? Int.max : replacementsMax
        var result = ""
        for scalar in text.unicodeScalars {
            if left > 0 {
                result += new
                left -= 1
            }
            result.unicodeScalars.append(scalar)
        }
        return left > 0 ? result + new : result
    }
}
