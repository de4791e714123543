import MoedCore

/// Cache of the positions of encoded words within one text. Natural text repeats its words, so most are copied
/// instead of merged.
///
/// An entry holds only positions: the word's bytes are in the text, its tokens in the output. The next word with the
/// same index overwrites the entry, which bounds the cache.
struct WordCache {
    private struct Slot {
        var hash: UInt32 = 0
        var textStart: UInt32 = 0
        var outputStart: UInt32 = 0
        var outputCount: UInt16 = 0
        /// Length of the word in bytes; 0 marks an empty entry.
        var length: UInt16 = 0
    }

    /// Maximum number of entries: 2¹⁴ entries of 16 bytes stay in the second-level cache.
    private static let slotsMax = 1 << 14
    /// Maximum length of cached words in bytes; longer words rarely repeat.
    private static let wordBytesMax = 48

    private var slots: [Slot]
    private let mask: UInt32

    init(textBytes: Int) {
        var size = 16
        while size < Self.slotsMax, size * 8 < textBytes { size *= 2 }
        slots = [Slot](repeating: Slot(), count: size)
        mask = UInt32(size - 1)
    }

    @inline(__always)
    private static func hash(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> UInt32 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in start..<end { hash = (hash ^ UInt64(text[index])) &* 0x100_0000_01B3 }
        return UInt32(truncatingIfNeeded: hash ^ hash >> 29)
    }

    /// Appends the tokens of `text[start..<end]`: copied from an earlier occurrence, or made by `encode`.
    @inline(__always)
    mutating func append(
        _ text: Span<UInt8>, _ start: Int, _ end: Int, to output: inout [TokenID],
        encode: (inout [TokenID]) -> Void
    ) {
        let length = end - start
        guard length > 1, length <= Self.wordBytesMax, end < Int(UInt32.max), output.count < Int(UInt32.max)
        else {
            encode(&output)
            return
        }
        let hash = Self.hash(text, start, end)
        let index = Int(hash & mask)
        let slot = slots[index]
        if slot.hash == hash, Int(slot.length) == length, Self.equal(text, Int(slot.textStart), start, length)
        {
            for place in Int(slot.outputStart)..<Int(slot.outputStart) + Int(slot.outputCount) {
                output.append(output[place])
            }
            return
        }
        let outputStart = output.count
        encode(&output)
        slots[index] = Slot(
            hash: hash, textStart: UInt32(start), outputStart: UInt32(outputStart),
            outputCount: UInt16(output.count - outputStart), length: UInt16(length))
    }

    @inline(__always)
    private static func equal(_ text: Span<UInt8>, _ first: Int, _ second: Int, _ length: Int) -> Bool {
        for offset in 0..<length where text[first + offset] != text[second + offset] { return false }
        return true
    }
}
