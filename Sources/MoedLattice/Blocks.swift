/// Blocks of all types.
package enum Blocks {
    /// Decodes the weights of a block.
    ///
    /// - Parameters:
    ///   - numbers: scale and minimum of the block, 0 where it has none.
    ///   - from: offset of the block.
    ///   - to: place of its first weight.
    package static func decode(
        _ type: BlockType, _ numbers: (scale: Float, minimum: Float), _ bytes: Span<UInt8>, _ from: Int,
        _ weights: inout MutableSpan<Float>, _ to: Int
    ) {
        let (scale, minimum) = numbers
        switch type {
        case .q4x0, .q4x1, .q5x0, .q5x1, .q8x0: Blocks32.decode(type, numbers, bytes, from, &weights, to)
        case .q2K: Blocks256.decodeQ2(scale, minimum, bytes, from, &weights, to)
        case .q3K: Blocks256.decodeQ3(scale, bytes, from, &weights, to)
        case .q4K, .q5K: Blocks256.decodeQ4(numbers, hasHighBits: type == .q5K, bytes, from, &weights, to)
        case .q6K: Blocks256.decodeQ6(scale, bytes, from, &weights, to)
        case .iq4NL, .iq4XS, .mxfp4: TableBlocks.decode(type, scale, bytes, from, &weights, to)
        case .iq2XXS, .iq2XS, .iq2S, .iq3XXS, .iq3S:
            guard let kind = type.lattice else { return }
            LatticeBlocks.decode(kind, scale, bytes, from &+ 2, &weights, to)
        }
    }
}
