/// Unicode normalisation form C (UAX #15) of UTF-8, in linear time, in memory of about twice the text.
enum Normalization {
    /// The normalised text; nil when all characters are inert, so that the text is already in form C. Nearly all text
    /// is.
    static func composed(_ text: Span<UInt8>) -> [UInt8]? {
        guard needsWork(text) else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(text.count)
        var piece = Piece()
        var at = 0
        while at < text.count {
            let (value, length) = UTF8Scalar.decode(text, at: at)
            if piece.scalars.count >= pieceScalars, startsAnew(value) {
                piece.append(to: &output)
                piece.clear()
            }
            piece.decompose(value)
            at += length
        }
        piece.append(to: &output)
        return output
    }

    /// Scalars that are composed at a time. A run of marks longer than this stays in one piece.
    private static let pieceScalars = 4096

    /// Ranges of characters with combining class 0 that are in form C and never compose with a preceding character.
    private static let inert: [ClosedRange<UInt32>] = [
        0...0x2FF, 0x4E00...0x9FFF, 0x400...0x482, 0x3041...0x3096, 0x30A0...0x30FF, 0xAC00...0xD7A3,
        0x3000...0x3029, 0x2010...0x2027, 0xFF00...0xFFEF, 0x388...0x3FF, 0x48A...0x52F, 0x5D0...0x5EA,
        0x620...0x64A, 0xE01...0xE30, 0x2190...0x2328, 0x232B...0x2ADB, 0x3400...0x4DBF, 0x1F000...0x1FAFF,
        0x20000...0x2A6DF,
    ]

    @inline(__always)
    private static func isInert(_ value: UInt32) -> Bool {
        for range in inert where range.contains(value) { return true }
        return false
    }

    private static func needsWork(_ text: Span<UInt8>) -> Bool {
        var at = 0
        while at < text.count {
            // Lead bytes below 0xCC spell U+0000…U+02FF.
            if text[at] < 0xCC {
                at += 1
                continue
            }
            let (value, length) = UTF8Scalar.decode(text, at: at)
            if !isInert(value) { return true }
            at += length
        }
        return false
    }

    /// True when nothing before the character reorders or composes with it.
    private static func startsAnew(_ value: UInt32) -> Bool {
        if isInert(value) { return true }
        let tables = CanonicalTables.unicode
        let first = tables.decompositions[value]?.first ?? value
        return Piece.combiningClass(first) == 0 && !tables.seconds.contains(first) && !Hangul.continues(first)
    }

    /// Decomposed scalars with their combining classes.
    private struct Piece {
        var scalars: [UInt32] = []
        var classes: [UInt8] = []
        private let tables = CanonicalTables.unicode

        mutating func clear() {
            scalars.removeAll(keepingCapacity: true)
            classes.removeAll(keepingCapacity: true)
        }

        mutating func decompose(_ value: UInt32) {
            // Nothing below U+00C0 and no unified ideograph has a decomposition.
            if value < 0xC0 || (0x4E00...0x9FFF).contains(value) {
                append(value, 0)
            } else if Hangul.syllables.contains(value) {
                for jamo in Hangul.decompose(value) { append(jamo, 0) }
            } else if let parts = tables.decompositions[value] {
                for part in parts { append(part, Self.combiningClass(part)) }
            } else {
                append(value, Self.combiningClass(value))
            }
        }

        private mutating func append(_ scalar: UInt32, _ combiningClass: UInt8) {
            scalars.append(scalar)
            classes.append(combiningClass)
        }

        static func combiningClass(_ value: UInt32) -> UInt8 {
            Unicode.Scalar(value)?.properties.canonicalCombiningClass.rawValue ?? 0
        }

        mutating func append(to output: inout [UInt8]) {
            reorder()
            compose(into: &output)
        }

        /// Sorts each run of combining marks by class. The sort is stable; runs may have any length.
        private mutating func reorder() {
            var at = 0
            while at < scalars.count {
                guard classes[at] != 0 else {
                    at += 1
                    continue
                }
                var end = at + 1
                var isSorted = true
                while end < scalars.count, classes[end] != 0 {
                    if classes[end] < classes[end - 1] { isSorted = false }
                    end += 1
                }
                if !isSorted { sortMarks(at..<end) }
                at = end
            }
        }

        private mutating func sortMarks(_ run: Range<Int>) {
            // Class, place and scalar (21 bits) in one word.
            var marks = run.map { UInt64(classes[$0]) << 56 | UInt64($0 - run.lowerBound) << 21 | UInt64(scalars[$0]) }
            marks.sort()
            for (place, mark) in zip(run, marks) {
                scalars[place] = UInt32(mark & 0x1F_FFFF)
                classes[place] = UInt8(mark >> 56)
            }
        }

        /// Composes each starter with the following characters that are not blocked from it.
        private mutating func compose(into bytes: inout [UInt8]) {
            var count = 0
            var starter: Int?
            var lastClass: UInt8 = 0
            for (index, value) in scalars.enumerated() {
                let isAdjacent = starter == count - 1
                if let starter, isAdjacent || (lastClass < classes[index]) {
                    let first = scalars[starter]
                    let pair = UInt64(first) << 32 | UInt64(value)
                    if let joined = Hangul.compose(first, value) ?? (value < 0x300 ? nil : tables.compositions[pair]) {
                        scalars[starter] = joined
                        continue
                    }
                }
                if classes[index] == 0 { starter = count }
                lastClass = classes[index]
                // The composed text grows over the decomposed one, which is at least as long.
                scalars[count] = value
                count += 1
            }
            for value in scalars[..<count] { UTF8Scalar.append(value, to: &bytes) }
        }
    }
}

/// Arithmetic composition and decomposition of Hangul syllables (Unicode standard, 3.12).
private enum Hangul {
    static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
    private static let leading: ClosedRange<UInt32> = 0x1100...0x1112
    private static let vowels: ClosedRange<UInt32> = 0x1161...0x1175
    private static let trailing: ClosedRange<UInt32> = 0x11A8...0x11C2

    /// True for a part that may compose with what is before it.
    static func continues(_ scalar: UInt32) -> Bool { vowels.contains(scalar) || trailing.contains(scalar) }

    static func decompose(_ syllable: UInt32) -> [UInt32] {
        let index = syllable - 0xAC00
        let parts = [0x1100 + index / 588, 0x1161 + index % 588 / 28]
        return index % 28 == 0 ? parts : parts + [0x11A7 + index % 28]
    }

    static func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if vowels.contains(second), leading.contains(first) {
            return 0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28
        }
        if trailing.contains(second), syllables.contains(first), (first - 0xAC00) % 28 == 0 {
            return first + second - 0x11A7
        }
        return nil
    }
}
