internal import CMoedKernels

/// A way to fetch quantised weights ahead of their use. It changes times, never results.
package enum FetchTuning: String, Sendable, CaseIterable {
    /// Into the second-level cache. The fastest where it was measured (Zen 4).
    case standard = "l2"
    case shorter = "l2-short"
    case longer = "l2-long"
    /// Into the first-level cache.
    case first = "l1"
    /// By the processor alone.
    case none

    /// - Parameter bits: bits of a weight's code.
    func distances(bits: Int) -> moed_fetch {
        let row: Int32 = bits == 8 ? 512 : 320
        return switch self {
        case .standard:
            moed_fetch(few_level: 2, few_bytes: 1280, many_level: 2, many_bytes: 5120, row_bytes: row)
        case .shorter:
            moed_fetch(few_level: 2, few_bytes: 640, many_level: 2, many_bytes: 2560, row_bytes: row)
        case .longer:
            moed_fetch(few_level: 2, few_bytes: 2560, many_level: 2, many_bytes: 10240, row_bytes: row)
        case .first:
            moed_fetch(few_level: 1, few_bytes: 3072, many_level: 1, many_bytes: 2560, row_bytes: row)
        case .none:
            moed_fetch(few_level: 0, few_bytes: 0, many_level: 0, many_bytes: 0, row_bytes: 0)
        }
    }
}
