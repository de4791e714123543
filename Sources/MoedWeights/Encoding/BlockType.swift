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
    case iq4NL = "IQ4_NL"
    case iq4XS = "IQ4_XS"
    case mxfp4 = "MXFP4"

    /// The type's number in a file.
    var number: UInt64 {
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
        case .iq4NL: 20
        case .iq4XS: 23
        case .mxfp4: 39
        }
    }

    /// Weights of a block.
    var weights: Int {
        switch self {
        case .q4x0, .q4x1, .q5x0, .q5x1, .q8x0, .iq4NL, .mxfp4: 32
        case .q2K, .q3K, .q4K, .q5K, .q6K, .iq4XS: 256
        }
    }

    /// Bytes of a block.
    var byteCount: Int {
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
        case .iq4XS: 136
        case .mxfp4: 17
        }
    }
}
