/// UTF-8 of code point ranges, as sequences of byte ranges.
package enum UTF8Sequences {
    package typealias Sequence = [ClosedRange<UInt8>]

    /// Sequences that together match exactly the code points of `range`, in rising order.
    package static func of(_ range: ClosedRange<UInt32>) -> [Sequence] {
        var sequences: [Sequence] = []
        for limit in [ClosedRange<UInt32>](
            [0...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF])
        {
            let low = max(range.lowerBound, limit.lowerBound)
            let high = min(range.upperBound, limit.upperBound)
            if low <= high { split(low, high, into: &sequences) }
        }
        return sequences
    }

    /// Splits where the trailing bytes do not run through all their values.
    private static func split(_ low: UInt32, _ high: UInt32, into sequences: inout [Sequence]) {
        for bits in [UInt32(6), 12, 18] {
            let mask = (UInt32(1) << bits) - 1
            guard encode(low).count > Int(bits) / 6, low & ~mask != high & ~mask else { continue }
            if low & mask != 0 {
                split(low, low | mask, into: &sequences)
                return split((low | mask) + 1, high, into: &sequences)
            }
            if high & mask != mask {
                split(low, (high & ~mask) - 1, into: &sequences)
                return split(high & ~mask, high, into: &sequences)
            }
        }
        sequences.append(zip(encode(low), encode(high)).map { $0...$1 })
    }

    package static func encode(_ value: UInt32) -> [UInt8] {
        func trail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | value >> shift & 0x3F) }
        return switch value {
        case 0..<0x80: [UInt8(value)]
        case 0x80..<0x800: [UInt8(0xC0 | value >> 6), trail(0)]
        case 0x800..<0x10000: [UInt8(0xE0 | value >> 12), trail(6), trail(0)]
        default: [UInt8(0xF0 | value >> 18 & 7), trail(12), trail(6), trail(0)]
        }
    }
}
