import CMoedKernels
import MoedCore
import MoedWeights

/// Activations that are multiplied with weights, `[rows, columns]`: as floats and, where quantised weights
/// need it, the same rows as int8 codes with a scale per row and group.
///
/// Each row is quantised by itself, so that its codes do not depend on the rows beside it.
struct ActivationRows {
    let floats: RowBuffer<Float>
    /// Rows as `quantise_row` lays them out, with room for any group; nil when no weights need them.
    let codes: RowBuffer<UInt8>?

    init(rows: Int, columns: Int, quantised: Bool, purpose: String) throws(EngineError) {
        floats = try RowBuffer(rows: rows, columns: columns, purpose: purpose)
        // Small groups have many scales, large ones may need more padding.
        let bytes = WeightFormat.quantGroups.map { moed_activation_bytes(columns, $0) }.max() ?? 0
        codes =
            quantised ? try RowBuffer(rows: rows, columns: bytes, purpose: "quantised \(purpose)") : nil
    }

    var byteCount: Int { floats.byteCount + (codes?.byteCount ?? 0) }
}

extension Compute {
    /// Rows `rows` of `x` as codes for weights whose rows have `inputs` columns in quant groups; nothing when
    /// `quantGroup` is nil.
    ///
    /// - Parameter columns: begins and ends at whole quant groups, or ends at `inputs`.
    func quantise(_ x: ActivationRows, rows: Range<Int>, columns: Range<Int>, inputs: Int, quantGroup: Int?) {
        guard let group = quantGroup else { return }
        guard let codes = x.codes else { preconditionFailure("no room for quantised activations") }
        precondition(inputs <= x.floats.columns && columns.upperBound <= inputs)
        precondition(columns.lowerBound % group == 0 && codes.columns >= moed_activation_bytes(inputs, group))
        for row in rows {
            unsafe kernels.table.pointee.quantise_row(
                codes.row(row), x.floats.row(row), inputs, group, columns.lowerBound, columns.upperBound)
        }
    }

    /// The first `rows` rows, on all threads.
    func quantise(_ x: ActivationRows, rows: Int, inputs: Int, quantGroup: Int?) {
        guard quantGroup != nil else { return }
        pool.parallelFor(rows, cost: rows * inputs * 50) { row in
            quantise(x, rows: row..<row + 1, columns: 0..<inputs, inputs: inputs, quantGroup: quantGroup)
        }
    }
}
