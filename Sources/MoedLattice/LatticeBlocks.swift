/// Blocks whose codes are places in a table of lattice points, with signs of their own: IQ2_XXS, IQ2_XS, IQ2_S,
/// IQ3_XXS, IQ3_S. A block of 256 weights has a scale in f16 and factors of four bits.
package enum LatticeBlocks {
    /// A kind of blocks.
    package enum Kind: Sendable {
        case iq2XXS, iq2XS, iq2S, iq3XXS, iq3S
    }

    /// Decodes the 256 weights of a block.
    ///
    /// - Parameters:
    ///   - scale: the block's first number.
    ///   - from: offset of the bytes behind it.
    ///   - to: place of the first weight.
    package static func decode(
        _ kind: Kind, _ scale: Float, _ bytes: Span<UInt8>, _ from: Int, _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        switch kind {
        case .iq2XXS: decodeIQ2XXS(scale, bytes, from, &weights, to)
        case .iq2XS: decodeIQ2XS(scale, bytes, from, &weights, to)
        case .iq2S: decodeIQ2S(scale, bytes, from, &weights, to)
        case .iq3XXS: decodeIQ3XXS(scale, bytes, from, &weights, to)
        case .iq3S: decodeIQ3S(scale, bytes, from, &weights, to)
        }
    }

    /// 32 weights a part: four numbers of points, then four times seven signs and the factor.
    private static func decodeIQ2XXS(
        _ scale: Float, _ bytes: Span<UInt8>, _ from: Int, _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        for part in 0..<8 {
            let place = from &+ 8 &* part
            let rest = word(bytes, place &+ 4)
            let factor = scale * (0.5 + Float(rest >> 28)) * 0.25
            for quarter in 0..<4 {
                let point = LatticeTables.iq2XXS[Int(bytes[place &+ quarter])]
                put2(point, evenSigns(rest >> UInt32(7 &* quarter)), factor, &weights, to &+ 32 &* part &+ 8 &* quarter)
            }
        }
    }

    /// 32 words of nine bits of a point and seven signs, then a factor for each 16 weights.
    private static func decodeIQ2XS(
        _ scale: Float, _ bytes: Span<UInt8>, _ from: Int, _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        for index in 0..<32 {
            let word = UInt32(bytes[from &+ 2 &* index]) | UInt32(bytes[from &+ 2 &* index &+ 1]) << 8
            let factor = scale * (0.5 + Float(nibble(bytes, from &+ 64, index / 2))) * 0.25
            put2(LatticeTables.iq2XS[Int(word & 511)], evenSigns(word >> 9), factor, &weights, to &+ 8 &* index)
        }
    }

    /// Low bytes of 32 points, their signs, their high bits, then a factor for each 16 weights.
    private static func decodeIQ2S(
        _ scale: Float, _ bytes: Span<UInt8>, _ from: Int, _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        for index in 0..<32 {
            let high = Int(bytes[from &+ 64 &+ index / 4] >> UInt8(2 &* (index % 4)) & 3)
            let point = LatticeTables.iq2S[Int(bytes[from &+ index]) | high << 8]
            let factor = scale * (0.5 + Float(nibble(bytes, from &+ 72, index / 2))) * 0.25
            put2(point, UInt32(bytes[from &+ 32 &+ index]), factor, &weights, to &+ 8 &* index)
        }
    }

    /// Numbers of 64 points, then for each 32 weights four times seven signs and the factor.
    private static func decodeIQ3XXS(
        _ scale: Float, _ bytes: Span<UInt8>, _ from: Int, _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        for part in 0..<8 {
            let rest = word(bytes, from &+ 64 &+ 4 &* part)
            let factor = scale * (0.5 + Float(rest >> 28)) * 0.5
            for index in 0..<8 {
                let signs = evenSigns(rest >> UInt32(7 &* (index / 2))) >> UInt32(4 &* (index % 2))
                let point = LatticeTables.iq3XXS[Int(bytes[from &+ 8 &* part &+ index])]
                put3(point, LatticeTables.values3XXS, signs, factor, &weights, to &+ 32 &* part &+ 4 &* index)
            }
        }
    }

    /// Low bytes of 64 points, their ninth bits, the signs, then a factor for each 32 weights.
    private static func decodeIQ3S(
        _ scale: Float, _ bytes: Span<UInt8>, _ from: Int, _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        for index in 0..<64 {
            let high = Int(bytes[from &+ 64 &+ index / 8] >> UInt8(index % 8) & 1)
            let point = LatticeTables.iq3S[Int(bytes[from &+ index]) | high << 8]
            let factor = scale * Float(1 &+ 2 &* nibble(bytes, from &+ 104, index / 8))
            let signs = UInt32(bytes[from &+ 72 &+ index / 2]) >> UInt32(4 &* (index % 2))
            put3(point, LatticeTables.values3S, signs, factor, &weights, to &+ 4 &* index)
        }
    }

    /// Eight signs of seven bits: their number is even.
    private static func evenSigns(_ bits: UInt32) -> UInt32 {
        let seven = bits & 127
        return seven | UInt32(truncatingIfNeeded: seven.nonzeroBitCount & 1) << 7
    }

    private static func nibble(_ bytes: Span<UInt8>, _ from: Int, _ index: Int) -> Int {
        Int(bytes[from &+ index / 2] >> UInt8(4 &* (index % 2)) & 15)
    }

    private static func word(_ bytes: Span<UInt8>, _ at: Int) -> UInt32 {
        UInt32(bytes[at]) | UInt32(bytes[at &+ 1]) << 8 | UInt32(bytes[at &+ 2]) << 16 | UInt32(bytes[at &+ 3]) << 24
    }

    private static func put2(
        _ point: UInt16, _ signs: UInt32, _ factor: Float, _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        for index in 0..<8 {
            let value = factor * LatticeTables.values2[Int(point >> UInt16(2 &* index) & 3)]
            weights[to &+ index] = signs >> UInt32(index) & 1 == 0 ? value : -value
        }
    }

    private static func put3(
        _ point: UInt16, _ values: [Float], _ signs: UInt32, _ factor: Float, _ weights: inout MutableSpan<Float>,
        _ to: Int
    ) {
        for index in 0..<4 {
            let value = factor * values[Int(point >> UInt16(3 &* index) & 7)]
            weights[to &+ index] = signs >> UInt32(index) & 1 == 0 ? value : -value
        }
    }
}
