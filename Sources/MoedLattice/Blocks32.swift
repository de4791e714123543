/// Blocks of 32 weights: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0. Low nibbles are the first 16 weights, high ones the others.
enum Blocks32 {
    /// - Parameters:
    ///   - from: offset of the block.
    ///   - to: place of its first weight.
    static func decode(
        _ type: BlockType, _ numbers: (scale: Float, minimum: Float), _ bytes: Span<UInt8>, _ from: Int,
        _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        let (scale, minimum) = numbers
        if type == .q8x0 {
            for index in 0..<32 {
                weights[to &+ index] = scale * Float(Int8(bitPattern: bytes[from &+ 2 &+ index]))
            }
            return
        }
        // Q4_1 and Q5_1 have a minimum; in the others the code of zero is half of the codes.
        let hasMinimum = type == .q4x1 || type == .q5x1
        let hasHighBits = type == .q5x0 || type == .q5x1
        let zero: Int32 = hasMinimum ? 0 : hasHighBits ? 16 : 8
        var place = from &+ (hasMinimum ? 4 : 2)
        var high: UInt32 = 0
        if hasHighBits {
            for byte in 0..<4 { high |= UInt32(bytes[place &+ byte]) << UInt32(8 &* byte) }
            place &+= 4
        }
        for index in 0..<16 {
            let byte = UInt32(bytes[place &+ index])
            let first = byte & 15 | (high >> UInt32(index)) << 4 & 16
            let second = byte >> 4 | (high >> UInt32(index &+ 16)) << 4 & 16
            weights[to &+ index] = scale * Float(Int32(bitPattern: first) &- zero) + minimum
            weights[to &+ index &+ 16] = scale * Float(Int32(bitPattern: second) &- zero) + minimum
        }
    }
}
