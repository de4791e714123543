/// Blocks of 256 weights in sub-blocks with scales of their own: Q2_K to Q6_K.
package enum Blocks256 {
    /// Q2_K: scales and minima of 16 sub-blocks [16], codes [64], scale and minimum of the block.
    static func decodeQ2(
        _ scale: Float, _ minimum: Float, _ bytes: Span<UInt8>, _ from: Int, _ weights: inout MutableSpan<Float>,
        _ to: Int
    ) {
        for part in 0..<16 {
            let both = bytes[from &+ part]
            let (factor, offset) = (scale * Float(both & 15), minimum * Float(both >> 4))
            // Half of 128 weights, two bits of its 32 bytes, half of these.
            let (half, shift, column) = (part / 8, part % 8 / 2, part % 2 * 16)
            for index in 0..<16 {
                let byte = bytes[from &+ 16 &+ half &* 32 &+ column &+ index]
                weights[to &+ part &* 16 &+ index] = factor * Float(byte >> UInt8(2 &* shift) & 3) - offset
            }
        }
    }

    /// Q3_K: high bits [32], low bits [64], 16 scales of 6 bits [12], scale of the block.
    static func decodeQ3(
        _ scale: Float, _ bytes: Span<UInt8>, _ from: Int, _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        let scales = from &+ 96
        for part in 0..<16 {
            let low = part < 8 ? bytes[scales &+ part] & 15 : bytes[scales &+ part &- 8] >> 4
            let high = bytes[scales &+ 8 &+ part % 4] >> UInt8(2 &* (part / 4)) & 3
            let factor = scale * Float(Int32(low | high << 4) &- 32)
            let (half, shift, column) = (part / 8, part % 8 / 2, part % 2 * 16)
            for index in 0..<16 {
                let place = column &+ index
                let code = Int32(bytes[from &+ 32 &+ half &* 32 &+ place] >> UInt8(2 &* shift) & 3)
                let isHigh = bytes[from &+ place] >> UInt8(half &* 4 &+ shift) & 1 != 0
                weights[to &+ part &* 16 &+ index] = factor * Float(isHigh ? code : code &- 4)
            }
        }
    }

    /// Q4_K: scale and minimum of the block, scales and minima of 8 sub-blocks of 6 bits [12], codes [128]. Q5_K has
    /// the fifth bits [32] before the codes.
    static func decodeQ4(
        _ numbers: (scale: Float, minimum: Float), hasHighBits: Bool, _ bytes: Span<UInt8>, _ from: Int,
        _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        let (scales, high) = (from &+ 4, from &+ 16)
        let codes = hasHighBits ? high &+ 32 : high
        for part in 0..<8 {
            let (factor, offset) = factors(bytes, scales, part)
            let (d, m) = (numbers.scale * Float(factor), numbers.minimum * Float(offset))
            for index in 0..<32 {
                let byte = bytes[codes &+ part / 2 &* 32 &+ index]
                var code = part % 2 == 0 ? byte & 15 : byte >> 4
                if hasHighBits { code |= (bytes[high &+ index] >> UInt8(part) & 1) << 4 }
                weights[to &+ part &* 32 &+ index] = d * Float(code) - m
            }
        }
    }

    /// Scale and minimum of a sub-block in the twelve bytes of Q4_K and Q5_K.
    package static func factors(_ bytes: Span<UInt8>, _ from: Int, _ part: Int) -> (scale: UInt8, minimum: UInt8) {
        if part < 4 { return (bytes[from &+ part] & 63, bytes[from &+ part &+ 4] & 63) }
        let both = bytes[from &+ part &+ 4]
        return (both & 15 | (bytes[from &+ part &- 4] >> 6) << 4, both >> 4 | (bytes[from &+ part] >> 6) << 4)
    }

    /// Q6_K: low bits [128], high bits [64], scales of 16 sub-blocks as i8 [16], scale of the block.
    static func decodeQ6(
        _ scale: Float, _ bytes: Span<UInt8>, _ from: Int, _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        for part in 0..<16 {
            let factor = scale * Float(Int8(bitPattern: bytes[from &+ 192 &+ part]))
            let (half, quarter, column) = (part / 8, part % 8 / 2, part % 2 * 16)
            for index in 0..<16 {
                let place = column &+ index
                let byte = bytes[from &+ half &* 64 &+ quarter % 2 &* 32 &+ place]
                let low = quarter < 2 ? byte & 15 : byte >> 4
                let high = bytes[from &+ 128 &+ half &* 32 &+ place] >> UInt8(2 &* quarter) & 3
                weights[to &+ part &* 16 &+ index] = factor * Float(Int32(low | high << 4) &- 32)
            }
        }
    }
}
