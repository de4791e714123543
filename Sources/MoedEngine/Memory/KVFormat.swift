import CMoedKernels

/// The format of keys and values in memory.
package enum KVFormat: String, Sendable, CaseIterable {
    /// As computed.
    case f32
    /// Half the memory of f32; finite magnitudes above 65504 become that.
    case f16
    /// A quarter: codes −127…127, which attention multiplies as integers. A value has an f32 scale, a key one for each
    /// 32 elements. Queries become codes as keys do, and the weights of 64 tokens become codes of 14 bits.
    case int8

    /// Words of the setting; `auto` leaves the choice to the program.
    package static let words = ["auto"] + allCases.map(\.rawValue)

    /// The kernels' number for it.
    package var code: Int32 {
        switch self {
        case .f32: Int32(MOED_KV_F32)
        case .f16: Int32(MOED_KV_F16)
        case .int8: Int32(MOED_KV_INT8)
        }
    }
}
