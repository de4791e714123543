/// Limits the rows of a sweep so that decoding sequences get their next token in time.
///
/// The model of a sweep's time is `fixed + rows · perRow`: reading the weights, then arithmetic. Both are fitted to
/// past sweeps by least squares. Older sweeps have exponentially less weight, so that the budget follows changes in
/// the machine's speed.
package struct SweepBudget: Sendable {
    /// Target for the maximum time of a sweep; nil sets no limit.
    package let timeMax: Duration?
    /// Minimum number of rows for prefill, so that prompts progress on a slow machine.
    package static let prefillRowsMin = 32
    /// Factor by which each new sweep reduces the weight of earlier ones.
    private static let memory = 0.9

    /// Decayed sums over sweeps: 1, rows, seconds, rows², rows · seconds.
    private var sweeps = 0.0
    private var rows = 0.0
    private var seconds = 0.0
    private var rowsSquared = 0.0
    private var product = 0.0

    package init(timeMax: Duration?) { self.timeMax = timeMax }

    /// Records the time of a sweep of `count` rows.
    package mutating func record(rows count: Int, took time: Duration) {
        guard timeMax != nil, count > 0 else { return }
        let (x, y) = (Double(count), time / .seconds(1))
        sweeps = sweeps * Self.memory + 1
        rows = rows * Self.memory + x
        seconds = seconds * Self.memory + y
        rowsSquared = rowsSquared * Self.memory + x * x
        product = product * Self.memory + x * y
    }

    /// Maximum number of rows in the next sweep.
    ///
    /// - Parameters:
    ///   - decoding: number of decoding sequences, one row each. Without any, the result is `rowsMax`.
    ///   - rowsMax: the engine's limit.
    package func rowsAllowed(decoding: Int, rowsMax: Int) -> Int {
        guard let timeMax, decoding > 0, sweeps > 0 else { return rowsMax }
        let (fixed, perRow) = fit
        guard perRow > 0 else { return rowsMax }
        let rest = timeMax / .seconds(1) - fixed
        // If streaming alone exceeds the limit, allow rows that add at most 50 %.
        let allowed = (rest > 0 ? rest : fixed / 2) / perRow
        let least = decoding + Self.prefillRowsMin
        return min(rowsMax, allowed >= Double(rowsMax) ? rowsMax : max(least, Int(allowed.rounded())))
    }

    /// Fitted seconds of an empty sweep and of each row.
    private var fit: (fixed: Double, perRow: Double) {
        let mean = rows / sweeps
        let spread = rowsSquared / sweeps - mean * mean
        // Sweeps of nearly equal size do not determine the slope. The time is then assumed proportional to the rows.
        guard spread > 0.01 * mean * mean else { return (0, seconds / rows) }
        let perRow = max(0, (product / sweeps - mean * seconds / sweeps) / spread)
        let fixed = seconds / sweeps - perRow * mean
        return fixed < 0 ? (0, seconds / rows) : (fixed, perRow)
    }
}
