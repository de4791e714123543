/// Kinds of blocks that GGUF files store weights in: some weights of a row with their scales.
///
/// Source: ggml's block structures. Numbers are little-endian; scales are f16.
package enum BlockType: String, Sendable, CaseIterable {
    case q4x0 = "Q4_0"
    case q4x1 = "Q4_1"
    case q5x0 = "Q5_0"
    case q5x1 = "Q5_1"
    case q8x0 = "Q8_0"
    case q2K = "Q2_K"
    case q3K = "Q3_K"
    case q4K = "Q4_K"
    case q5K = "Q5_K"
    case q6K = "Q6_K"
    case iq2XXS = "IQ2_XXS"
    case iq2XS = "IQ2_XS"
    case iq2S = "IQ2_S"
    case iq3XXS = "IQ3_XXS"
    case iq3S = "IQ3_S"
    case iq4NL = "IQ4_NL"
    case iq4XS = "IQ4_XS"
    case mxfp4 = "MXFP4"

    /// The type's number in a file.
    package var number: UInt64 {
        switch self {
        case .q4x0: 2
        case .q4x1: 3
        case .q5x0: 6
        case .q5x1: 7
        case .q8x0: 8
        case .q2K: 10
        case .q3K: 11
        case .q4K: 12
        case .q5K: 13
        case .q6K: 14
        case .iq2XXS: 16
        case .iq2XS: 17
        case .iq2S: 22
        case .iq3XXS: 18
        case .iq3S: 21
        case .iq4NL: 20
        case .iq4XS: 23
        case .mxfp4: 39
        }
    }

    /// Weights of a block.
    package var weights: Int {
        switch self {
        case .q4x0, .q4x1, .q5x0, .q5x1, .q8x0, .iq4NL, .mxfp4: 32
        case .q2K, .q3K, .q4K, .q5K, .q6K, .iq4XS, .iq2XXS, .iq2XS, .iq2S, .iq3XXS, .iq3S: 256
        }
    }

    /// Bytes of a block.
    package var byteCount: Int {
        switch self {
        case .q4x0, .iq4NL: 18
        case .q4x1: 20
        case .q5x0: 22
        case .q5x1: 24
        case .q8x0: 34
        case .q2K: 84
        case .q3K: 110
        case .q4K: 144
        case .q5K: 176
        case .q6K: 210
        case .iq2XXS: 66
        case .iq2XS: 74
        case .iq2S: 82
        case .iq3XXS: 98
        case .iq3S: 110
        case .iq4XS: 136
        case .mxfp4: 17
        }
    }

    /// Place of the scale in a block. MXFP4 has an exponent there.
    package var scaleOffset: Int {
        switch self {
        case .q2K: 80
        case .q3K: 108
        case .q6K: 208
        default: 0
        }
    }

    /// Place of the minimum in a block; nil where codes have an offset of their own.
    package var minimumOffset: Int? {
        switch self {
        case .q2K: 82
        case .q4x1, .q5x1, .q4K, .q5K: 2
        default: nil
        }
    }

    /// The kind of blocks that are decoded by tables of points; nil for others.
    var lattice: LatticeBlocks.Kind? {
        switch self {
        case .iq2XXS: .iq2XXS
        case .iq2XS: .iq2XS
        case .iq2S: .iq2S
        case .iq3XXS: .iq3XXS
        case .iq3S: .iq3S
        default: nil
        }
    }
}
