import MoedLattice

/// Codes and numbers of GGUF's blocks that a kernel multiplies as they are.
enum KeptBlocks {
    static func format(_ type: BlockType) -> KeptFormat? {
        switch type {
        case .q4x0: KeptFormat(bits: 4, group: 32, scales: .f16)
        case .q8x0: KeptFormat(bits: 8, group: 32, scales: .f16)
        case .q4x1: .q4x1
        case .q4K: .q4K
        default: nil
        }
    }

    /// - Parameter type: one that has a form.
    static func codes(_ bytes: Span<UInt8>, _ type: BlockType, blocks: Int) -> KeptCodes {
        var kept = KeptCodes(codes: [], scales: [])
        kept.codes.reserveCapacity(blocks * type.weights)
        for block in 0..<blocks {
            let from = block &* type.byteCount
            kept.scales.append(half(bytes, from))
            switch type {
            case .q8x0: for index in 0..<32 { kept.codes.append(bytes[from &+ 2 &+ index] ^ 0x80) }
            case .q4K:
                kept.minima.append(half(bytes, from &+ 2))
                nested(bytes, from, &kept)
            default:
                let hasMinima = type == .q4x1
                if hasMinima { kept.minima.append(half(bytes, from &+ 2)) }
                nibbles(bytes, from &+ (hasMinima ? 4 : 2), 16, &kept)
            }
        }
        return kept
    }

    private static func half(_ bytes: Span<UInt8>, _ from: Int) -> UInt16 {
        UInt16(bytes[from]) | UInt16(bytes[from &+ 1]) << 8
    }

    /// The low halves of some bytes, then their high halves.
    private static func nibbles(_ bytes: Span<UInt8>, _ from: Int, _ count: Int, _ kept: inout KeptCodes) {
        for index in from..<from &+ count { kept.codes.append(bytes[index] & 15) }
        for index in from..<from &+ count { kept.codes.append(bytes[index] >> 4) }
    }

    /// Q4_K: two scales of the block, twelve bytes with eight pairs of factors of 6 bits, then the codes.
    private static func nested(_ bytes: Span<UInt8>, _ from: Int, _ kept: inout KeptCodes) {
        for group in 0..<KeptFormat.nestedGroups {
            let (scale, minimum) = Blocks256.factors(bytes, from &+ 4, group)
            kept.small.append(scale)
            kept.small.append(minimum)
        }
        for part in 0..<4 { nibbles(bytes, from &+ 16 &+ part &* 32, 32, &kept) }
    }
}
