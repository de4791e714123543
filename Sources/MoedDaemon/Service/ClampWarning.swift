/// Warns about clamped keys and values: at the first ones, and whenever there are ten times as many.
struct ClampWarning {
    private var next = 1

    /// - Returns: nil when the last warning still says enough.
    mutating func warning(_ clamped: Int) -> String? {
        guard clamped >= next else { return nil }
        while next <= clamped, next <= Int.max / 10 { next *= 10 }
        return "\(clamped) keys and values are beyond the range of engine.kv f16 and were stored as 65504: answers "
            + "may be wrong; set engine.kv to f32"
    }
}
