/// How many rows a sweep may carry so that sequences which decode get their next token in time.
///
/// A sweep's time is taken to be `fixed + rows · perRow`: reading the weights, then arithmetic. Both are fitted to
/// the sweeps so far by least squares, older ones counting less and less, so that the budget follows a machine whose
/// speed changes.
package struct SweepBudget: Sendable {
    /// The longest a sweep should take; nil sets no bound.
    package let timeMax: Duration?
    /// Rows that prompts get in any case, so that they go on however slow the machine is.
    package static let prefillRowsMin = 32
    /// What an earlier sweep still counts after one more.
    private static let memory = 0.9

    /// Decayed sums over sweeps: 1, rows, seconds, rows², rows · seconds.
    private var sweeps = 0.0
    private var rows = 0.0
    private var seconds = 0.0
    private var rowsSquared = 0.0
    private var product = 0.0

    package init(timeMax: Duration?) { self.timeMax = timeMax }

    /// Learns from a sweep of so many rows.
    package mutating func record(rows count: Int, took time: Duration) {
        guard timeMax != nil, count > 0 else { return }
        let (x, y) = (Double(count), time / .seconds(1))
        sweeps = sweeps * Self.memory + 1
        rows = rows * Self.memory + x
        seconds = seconds * Self.memory + y
        rowsSquared = rowsSquared * Self.memory + x * x
        product = product * Self.memory + x * y
    }

    /// Rows of the next sweep.
    ///
    /// - Parameters:
    ///   - decoding: sequences that decode, a row each; without any nobody waits and `rowsMax` is the answer.
    ///   - rowsMax: what the engine takes.
    package func rowsAllowed(decoding: Int, rowsMax: Int) -> Int {
        guard let timeMax, decoding > 0, sweeps > 0 else { return rowsMax }
        let (fixed, perRow) = fit
        guard perRow > 0 else { return rowsMax }
        let rest = timeMax / .seconds(1) - fixed
        // Who reads experts from a disk for longer than that anyhow waits half as long again for many rows at most.
        let allowed = (rest > 0 ? rest : fixed / 2) / perRow
        let least = decoding + Self.prefillRowsMin
        return min(rowsMax, allowed >= Double(rowsMax) ? rowsMax : max(least, Int(allowed.rounded())))
    }

    /// Seconds of an empty sweep and of each row.
    private var fit: (fixed: Double, perRow: Double) {
        let mean = rows / sweeps
        let spread = rowsSquared / sweeps - mean * mean
        // Sweeps of about one size say nothing about a line's slope: then time is taken to grow with the rows.
        guard spread > 0.01 * mean * mean else { return (0, seconds / rows) }
        let perRow = max(0, (product / sweeps - mean * seconds / sweeps) / spread)
        let fixed = seconds / sweeps - perRow * mean
        return fixed < 0 ? (0, seconds / rows) : (fixed, perRow)
    }
}
