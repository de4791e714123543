import CMoedKernels

/// Questions about all of a row's logits, answered 16 at a time: a vocabulary is long, and every token of every
/// sequence asks them.
package enum LogitScan {
    /// The first index from `start` on whose logit is above `threshold`; what is not a number is above nothing.
    package static func first(above threshold: Float, in logits: Span<Float>, from start: Int = 0) -> Int? {
        let index = unsafe logits.withUnsafeBufferPointer { buffer in
            unsafe buffer.baseAddress.map { unsafe moed_first_above($0, start, buffer.count, threshold) }
        }
        guard let index, index < logits.count else { return nil }
        return index
    }

    /// True when none is infinite or not a number.
    package static func allFinite(_ logits: Span<Float>) -> Bool {
        unsafe logits.withUnsafeBufferPointer { buffer in
            unsafe buffer.baseAddress.map { unsafe moed_all_finite($0, buffer.count) != 0 } ?? true
        }
    }

    /// Sum of e^((logit − top) / temperature) over all logits, with a relative error below `sumError`.
    static func sumOfExponentials(_ logits: Span<Float>, top: Float, temperature: Double) -> Double {
        unsafe logits.withUnsafeBufferPointer { buffer in
            unsafe buffer.baseAddress.map {
                unsafe moed_sum_of_exponentials($0, buffer.count, top, temperature)
            } ?? 0
        }
    }

    /// Bound of the relative error of `sumOfExponentials`, the order of summation included.
    static let sumError = 1e-9
}
