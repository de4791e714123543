/// Unicode normalisation form C (UAX #15) of UTF-8, in linear time.
enum Normalization {
    /// The normalised text; nil when all characters are inert, so that the text is already in form C. Nearly all text
    /// is.
    static func composed(_ text: Span<UInt8>) -> [UInt8]? {
        guard needsWork(text) else { return nil }
        var scalars: [UInt32] = []
        var classes: [UInt8] = []
        decompose(text, into: &scalars, &classes)
        reorder(&scalars, &classes)
        return compose(scalars, classes)
    }

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

    private static func decompose(_ text: Span<UInt8>, into scalars: inout [UInt32], _ classes: inout [UInt8])
    {
        let decompositions = CanonicalTables.unicode.decompositions
        scalars.reserveCapacity(text.count)
        classes.reserveCapacity(text.count)
        var at = 0
        while at < text.count {
            let (value, length) = UTF8Scalar.decode(text, at: at)
            at += length
            // Nothing below U+00C0 and no unified ideograph has a decomposition.
            if value < 0xC0 || (0x4E00...0x9FFF).contains(value) {
                scalars.append(value)
                classes.append(0)
            } else if Hangul.syllables.contains(value) {
                for jamo in Hangul.decompose(value) {
                    scalars.append(jamo)
                    classes.append(0)
                }
            } else {
                for part in decompositions[value] ?? [value] {
                    scalars.append(part)
                    classes.append(combiningClass(part))
                }
            }
        }
    }

    private static func combiningClass(_ value: UInt32) -> UInt8 {
        Unicode.Scalar(value)?.properties.canonicalCombiningClass.rawValue ?? 0
    }

    /// Sorts each run of combining marks by class. The sort is stable; runs may have any length.
    private static func reorder(_ scalars: inout [UInt32], _ classes: inout [UInt8]) {
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
            if !isSorted {
                let order = (at..<end).sorted { (classes[$0], $0) < (classes[$1], $1) }
                let sorted = order.map { (scalars[$0], classes[$0]) }
                for (offset, mark) in sorted.enumerated() {
                    (scalars[at + offset], classes[at + offset]) = mark
                }
            }
            at = end
        }
    }

    /// Composes each starter with the following characters that are not blocked from it.
    private static func compose(_ scalars: [UInt32], _ classes: [UInt8]) -> [UInt8] {
        let compositions = CanonicalTables.unicode.compositions
        var output: [UInt32] = []
        output.reserveCapacity(scalars.count)
        var starter: Int?
        var lastClass: UInt8 = 0
        for (index, value) in scalars.enumerated() {
            let isAdjacent = starter == output.count - 1
            if let starter, isAdjacent || (lastClass < classes[index]) {
                let first = output[starter]
                let pair = UInt64(first) << 32 | UInt64(value)
                if let joined = Hangul.compose(first, value) ?? (value < 0x300 ? nil : compositions[pair]) {
                    output[starter] = joined
                    continue
                }
            }
            if classes[index] == 0 { starter = output.count }
            lastClass = classes[index]
            output.append(value)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(output.count)
        for value in output { UTF8Scalar.append(value, to: &bytes) }
        return bytes
    }
}

/// Arithmetic composition and decomposition of Hangul syllables (Unicode standard, 3.12).
private enum Hangul {
    static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
    private static let leading: ClosedRange<UInt32> = 0x1100...0x1112
    private static let vowels: ClosedRange<UInt32> = 0x1161...0x1175
    private static let trailing: ClosedRange<UInt32> = 0x11A8...0x11C2

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
