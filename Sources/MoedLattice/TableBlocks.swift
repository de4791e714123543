/// Blocks whose codes of 4 bits are places in a table: IQ4_NL, IQ4_XS, MXFP4. Low nibbles are the first 16 weights of
/// 32, high ones the others.
enum TableBlocks {
    /// Values of IQ4 codes.
    private static let iq4: [Float] = [
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
    ]
    /// Values of MXFP4 codes, doubled.
    private static let doubledE2M1: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, -0.0, -1, -2, -3, -4, -6, -8, -12]

    /// - Parameters:
    ///   - from: offset of the block.
    ///   - to: place of its first weight.
    static func decode(
        _ type: BlockType, _ scale: Float, _ bytes: Span<UInt8>, _ from: Int, _ weights: inout MutableSpan<Float>,
        _ to: Int
    ) {
        switch type {
        case .iq4XS:
            let high = UInt16(bytes[from &+ 2]) | UInt16(bytes[from &+ 3]) << 8
            for part in 0..<8 {
                let low = bytes[from &+ 4 &+ part / 2] >> UInt8(part % 2 &* 4) & 15
                let factor = Int32(low) | Int32(high >> UInt16(2 &* part) & 3) << 4
                nibbles(
                    iq4, scale * Float(factor &- 32), bytes, from &+ 8 &+ part &* 16, &weights, to &+ part &* 32)
            }
        case .mxfp4:
            // Two to the power of byte − 128: the table is doubled.
            let exponent = UInt32(bytes[from])
            let bits: UInt32 = exponent < 2 ? 0x0020_0000 << exponent : (exponent &- 1) << 23
            nibbles(doubledE2M1, Float(bitPattern: bits), bytes, from &+ 1, &weights, to)
        default: nibbles(iq4, scale, bytes, from &+ 2, &weights, to)
        }
    }

    private static func nibbles(
        _ table: [Float], _ scale: Float, _ bytes: Span<UInt8>, _ from: Int, _ weights: inout MutableSpan<Float>,
        _ to: Int
    ) {
        for index in 0..<16 {
            let byte = Int(bytes[from &+ index])
            weights[to &+ index] = scale * table[byte & 15]
            weights[to &+ index &+ 16] = scale * table[byte >> 4]
        }
    }
}
