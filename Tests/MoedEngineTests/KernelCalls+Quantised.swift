import CMoedKernels
import MoedWeights

@testable import MoedEngine

/// A weight matrix in quantised panels.
struct QuantisedMatrix {
    let format: WeightFormat
    let outputs: Int
    let inputs: Int
    let bytes: [UInt8]

    var group: Int { format.quantGroup ?? 0 }
    var bits: Int32 { Int32(format.bits) }

    init(_ weights: [Float], outputs: Int, inputs: Int, _ format: WeightFormat) {
        self.format = format
        self.outputs = outputs
        self.inputs = inputs
        var bytes: [UInt8] = []
        for first in stride(from: 0, to: outputs, by: 16) {
            let rows = min(16, outputs - first)
            var panel = [UInt8](repeating: 9, count: format.panelByteCount(inputs: inputs))
            let part = Array(weights[first * inputs..<(first + rows) * inputs])
            _ = unsafe moed_quantise_panel(
                &panel, part, rows, inputs, Int32(format.bits), format.quantGroup ?? 0)
            bytes += panel
        }
        self.bytes = bytes
    }

    /// The weights that the codes stand for, `[outputs, inputs]`.
    var weights: [Float] {
        let size = format.panelByteCount(inputs: inputs)
        return (0..<outputs).flatMap { output in
            var row = [Float](repeating: .nan, count: inputs)
            let panel = Array(bytes[output / 16 * size..<(output / 16 + 1) * size])
            unsafe moed_dequantise_row(&row, panel, output % 16, inputs, bits, group)
            return row
        }
    }
}

/// One activation row, taken apart.
struct QuantisedRow {
    let bytes: [UInt8]
    let columns: Int
    let group: Int

    private var groups: Int { (columns + group - 1) / group }
    /// The 32-bit word `index` behind the codes of each quant group.
    private func words(_ index: Int) -> [UInt32] {
        (0..<groups).map { g in
            let start = g * (group + 16) + group + index * 4
            return (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
        }
    }

    var codes: [Int] {
        (0..<groups * group).map { Int(Int8(bitPattern: bytes[$0 / group * (group + 16) + $0 % group])) }
    }
    var scales: [Float] { words(0).map { Float(bitPattern: $0) } }
    var offsets: [Int] { words(1).map { Int(Int32(bitPattern: $0)) } }
    var sums: [Float] { words(2).map { Float(bitPattern: $0) } }
}

extension KernelCalls {
    func quantise(panel weights: [Float], rows: Int, columns: Int, _ format: WeightFormat) -> [UInt8] {
        var panel = [UInt8](repeating: 9, count: format.panelByteCount(inputs: columns))
        if format.bits == 8 {
            unsafe table.pointee.quantise_int8(&panel, weights, rows, columns, format.quantGroup ?? 0)
        } else {
            unsafe table.pointee.quantise_int4(&panel, weights, rows, columns, format.quantGroup ?? 0)
        }
        return panel
    }

    /// - Parameter cut: where to split the row between two calls.
    func quantise(row x: [Float], group: Int, cut: Int = 0) -> QuantisedRow {
        var out = [UInt8](repeating: 77, count: moed_activation_bytes(x.count, group))
        for range in [cut..<x.count, 0..<cut] {
            unsafe table.pointee.quantise_row(
                &out, x, x.count, group, range.lowerBound, range.upperBound)
        }
        return QuantisedRow(bytes: out, columns: x.count, group: group)
    }

    /// x `[rows, inputs]` times the matrix; row `from[r]` is read and row `to[r]` written; places not written
    /// stay NaN.
    func multiply(
        _ x: [Float], _ matrix: QuantisedMatrix, from: [Int32], to: [Int32], panels: Range<Int>? = nil,
        fetch: FetchTuning = .standard
    ) -> [Float] {
        let panels = panels ?? 0..<(matrix.outputs + 15) / 16
        let rowBytes = moed_activation_bytes(matrix.inputs, matrix.group)
        let rows = (0..<x.count / matrix.inputs).flatMap {
            quantise(
                row: Array(x[$0 * matrix.inputs..<($0 + 1) * matrix.inputs]), group: matrix.group
            ).bytes
        }
        var out = [Float](repeating: .nan, count: (Int(to.max() ?? 0) + 1) * matrix.outputs)
        unsafe out.withUnsafeMutableBufferPointer { out in
            unsafe rows.withUnsafeBytes { rows in
                unsafe matrix.bytes.withUnsafeBytes { weights in
                    unsafe from.withUnsafeBufferPointer { from in
                        unsafe to.withUnsafeBufferPointer { to in
                            guard let out = out.baseAddress, let x = rows.baseAddress,
                                let w = weights.baseAddress
                            else { return }
                            var job = unsafe moed_matmul_quantised(
                                out: out, out_stride: matrix.outputs, out_rows: to.baseAddress, x: x,
                                x_stride: rowBytes, x_rows: from.baseAddress, rows: from.count, weights: w,
                                inputs: matrix.inputs, outputs: matrix.outputs, quant_group: matrix.group,
                                panel_begin: panels.lowerBound, panel_end: panels.upperBound,
                                fetch: fetch.distances(bits: matrix.format.bits))
                            if matrix.format.bits == 8 {
                                unsafe table.pointee.matmul_int8(&job)
                            } else {
                                unsafe table.pointee.matmul_int4(&job)
                            }
                        }
                    }
                }
            }
        }
        return out
    }

    func multiply(
        _ x: [Float], _ matrix: QuantisedMatrix, rows: Int, fetch: FetchTuning = .standard
    ) -> [Float] {
        let identity = (0..<Int32(rows)).map { $0 }
        return multiply(x, matrix, from: identity, to: identity, fetch: fetch)
    }

    /// x `[rows, inputs]`, kept panels `[outputs, inputs]` → `[rows, outputs]`.
    func multiplyKept(
        _ x: [Float], _ panels: [UInt8], _ format: KeptFormat, rows: Int, inputs: Int, outputs: Int
    ) -> [Float] {
        let rowBytes = moed_activation_bytes(inputs, format.group)
        let codes = (0..<rows).flatMap { quantise(row: Array(x[$0 * inputs..<($0 + 1) * inputs]), group: format.group).bytes }
        var out = [Float](repeating: .nan, count: rows * outputs)
        unsafe out.withUnsafeMutableBufferPointer { out in
            unsafe codes.withUnsafeBytes { codes in
                unsafe panels.withUnsafeBytes { panels in
                    guard let out = out.baseAddress, let x = codes.baseAddress, let w = panels.baseAddress else { return }
                    var job = unsafe moed_matmul_quantised(
                        out: out, out_stride: outputs, out_rows: nil, x: x, x_stride: rowBytes, x_rows: nil, rows: rows,
                        weights: w, inputs: inputs, outputs: outputs, quant_group: format.group, panel_begin: 0,
                        panel_end: (outputs + 15) / 16, fetch: FetchTuning.standard.distances(bits: format.bits))
                    unsafe table.pointee.matmul_kept(&job, format.form)
                }
            }
        }
        return out
    }
}
