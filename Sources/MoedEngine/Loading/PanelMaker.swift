import CMoedKernels
import MoedCore
import MoedWeights

/// Makes the kernels' panels of the rows that a `RowSource` gives.
struct PanelMaker {
    /// Compares the panels with the rows they were made from.
    let measuresErrors: Bool

    /// Squares summed over a matrix's weights.
    struct ErrorSums {
        /// Squared differences of weights and packed weights.
        var error = 0.0
        /// Squared weights.
        var weights = 0.0

        mutating func add(_ other: ErrorSums) {
            error += other.error
            weights += other.weights
        }
    }

    /// Weights that are read at once, about.
    private static let portionWeights = 2 << 20

    /// Makes the panels of a part of a blob.
    ///
    /// - Parameter start: memory of byte `part.range.lowerBound`, zeroed, with room for all of the part.
    /// - Returns: the error of each piece, in order.
    func make(
        _ part: CheckpointWeights.Part, at start: UnsafeMutableRawPointer
    ) throws(EngineError) -> [ErrorSums] {
        var errors: [ErrorSums] = []
        for (matrix, panels) in part.pieces {
            let origin = unsafe start + (matrix.packed.offset - part.range.lowerBound)
            let step = max(1, Self.portionWeights / (matrix.packed.inputs * PackedMatrix.panelOutputs))
            var sums = ErrorSums()
            for first in stride(from: panels.lowerBound, to: panels.upperBound, by: step) {
                let portion = first..<min(first + step, panels.upperBound)
                if case .kept(let kept) = matrix.packed.format {
                    try unsafe keep(portion, of: matrix, kept, to: origin)
                    if measuresErrors { sums.weights += try Self.squares(portion, of: matrix) }
                } else if matrix.packed.format.quantGroup == nil {
                    try unsafe copy(portion, of: matrix, to: origin)
                    if measuresErrors { sums.weights += try Self.squares(portion, of: matrix) }
                } else {
                    sums.add(try unsafe quantise(portion, of: matrix, to: origin))
                }
            }
            errors.append(sums)
        }
        return errors
    }

    /// Makes panels of the elements as they are.
    ///
    /// - Parameter origin: place of the matrix's panel 0.
    private func copy(
        _ panels: Range<Int>, of matrix: CheckpointWeights.Matrix, to origin: UnsafeMutableRawPointer
    ) throws(EngineError) {
        let (source, packed) = (matrix.source, matrix.packed)
        precondition(packed.format == source.exactFormat, "unquantised panels hold the elements as stored")
        let rows = packed.rows(of: panels)
        let rowBytes = source.exactRowByteCount
        var elements = [UInt8](repeating: 0, count: rows.count * rowBytes)
        try source.exactRows(rows, into: &elements)
        for panel in panels {
            let part = packed.rows(of: panel..<panel + 1)
            let first = (part.lowerBound - rows.lowerBound) * rowBytes
            let bad = unsafe elements.withUnsafeBytes { bytes in
                guard let base = bytes.baseAddress else { return -1 }
                return unsafe Self.pack(base + first, part.count, packed, panel, to: origin)
            }
            guard bad < 0 else { throw Self.unpackable(bad, of: matrix, from: part.lowerBound) }
        }
    }

    /// - Returns: the index of the first element that is infinite or not a number, or -1.
    private static func pack(
        _ source: UnsafeRawPointer, _ rows: Int, _ matrix: PackedMatrix, _ panel: Int,
        to origin: UnsafeMutableRawPointer
    ) -> Int {
        let target = unsafe origin + panel * matrix.panelByteCount
        if matrix.format == .bf16 {
            return unsafe moed_pack_bf16(
                target.assumingMemoryBound(to: UInt16.self), source.assumingMemoryBound(to: UInt16.self),
                rows, matrix.inputs)
        }
        return unsafe moed_pack_f32(
            target.assumingMemoryBound(to: Float.self), source.assumingMemoryBound(to: Float.self), rows,
            matrix.inputs)
    }

    /// Makes panels of codes and scales as they are.
    ///
    /// - Parameter origin: place of the matrix's panel 0.
    private func keep(
        _ panels: Range<Int>, of matrix: CheckpointWeights.Matrix, _ kept: KeptFormat,
        to origin: UnsafeMutableRawPointer
    ) throws(EngineError) {
        guard let source = matrix.source as? any KeptRows else { preconditionFailure("rows without codes are kept") }
        let packed = matrix.packed
        let rows = packed.rows(of: panels)
        var part = try source.keptCodes(rows)
        let exponent: UInt16 = kept.scales == .f16 ? 0x7C00 : 0x7F80
        let spans = (packed.inputs + kept.span - 1) / kept.span
        for numbers in [part.scales, part.minima] {
            guard let bad = numbers.firstIndex(where: { $0 & exponent == exponent }) else { continue }
            let index = bad / spans * packed.inputs + bad % spans * kept.span
            throw Self.unpackable(index, of: matrix, from: rows.lowerBound)
        }
        let small = rows.isEmpty ? 0 : part.small.count / rows.count
        for panel in panels {
            let own = packed.rows(of: panel..<panel + 1)
            let (first, count) = (own.lowerBound - rows.lowerBound, own.count)
            unsafe part.withNumbers { codes, numbers in
                var own = unsafe moed_kept_numbers(
                    scales: numbers.scales + first * spans, minima: numbers.minima.map { unsafe $0 + first * spans },
                    small: numbers.small.map { unsafe $0 + first * small })
                unsafe moed_keep_panel(
                    origin + panel * packed.panelByteCount, kept.form, codes + first * packed.inputs, &own, count,
                    packed.inputs, kept.group)
            }
        }
    }

    /// Makes quantised panels.
    ///
    /// - Parameter origin: place of the matrix's panel 0.
    private func quantise(
        _ panels: Range<Int>, of matrix: CheckpointWeights.Matrix, to origin: UnsafeMutableRawPointer
    ) throws(EngineError) -> ErrorSums {
        let packed = matrix.packed
        let rows = packed.rows(of: panels)
        var weights = [Float](repeating: 0, count: rows.count * packed.inputs)
        try matrix.source.rows(rows, into: &weights)
        var sums = ErrorSums()
        for panel in panels {
            let part = packed.rows(of: panel..<panel + 1)
            let first = (part.lowerBound - rows.lowerBound) * packed.inputs
            let bad = unsafe weights.withUnsafeBufferPointer { all in
                guard let base = all.baseAddress, let group = packed.format.quantGroup else { return -1 }
                let target = unsafe origin + panel * packed.panelByteCount
                let bad = unsafe moed_quantise_panel(
                    target, base + first, part.count, packed.inputs, Int32(packed.format.bits), group)
                if bad < 0, measuresErrors {
                    unsafe sums.add(Self.error(of: target, part.count, packed, base + first))
                }
                return bad
            }
            guard bad < 0 else { throw Self.unpackable(bad, of: matrix, from: part.lowerBound) }
        }
        return sums
    }

    /// Squared weights of panels whose weights are exact.
    private static func squares(
        _ panels: Range<Int>, of matrix: CheckpointWeights.Matrix
    ) throws(EngineError) -> Double {
        let rows = matrix.packed.rows(of: panels)
        var weights = [Float](repeating: 0, count: rows.count * matrix.packed.inputs)
        try matrix.source.rows(rows, into: &weights)
        return weights.reduce(0) { $0 + Double($1) * Double($1) }
    }

    private static func unpackable(_ index: Int, of matrix: CheckpointWeights.Matrix, from row: Int) -> EngineError {
        let (rows, column) = index.quotientAndRemainder(dividingBy: matrix.packed.inputs)
        return matrix.source.error(
            "has a value that is infinite, not a number or absurdly large at [\(row + rows), \(column)]")
    }

    private static func error(
        of panel: UnsafeMutableRawPointer, _ rows: Int, _ matrix: PackedMatrix, _ weights: UnsafePointer<Float>
    ) -> ErrorSums {
        var sums = ErrorSums()
        guard let group = matrix.format.quantGroup else { return sums }
        var values = [Float](repeating: 0, count: matrix.inputs)
        for row in 0..<rows {
            unsafe moed_dequantise_row(
                &values, panel, row, matrix.inputs, Int32(matrix.format.bits), group)
            for column in 0..<matrix.inputs {
                let weight = unsafe Double(weights[row * matrix.inputs + column])
                let off = weight - Double(values[column])
                sums.error += off * off
                sums.weights += weight * weight
            }
        }
        return sums
    }
}

extension KeptCodes {
    /// Codes and numbers as the kernels take them.
    mutating func withNumbers(_ body: (UnsafePointer<UInt8>, moed_kept_numbers) -> Void) {
        unsafe codes.withUnsafeBufferPointer { codes in
            unsafe scales.withUnsafeMutableBufferPointer { scales in
                unsafe minima.withUnsafeMutableBufferPointer { minima in
                    unsafe small.withUnsafeMutableBufferPointer { small in
                        guard let codes = codes.baseAddress, let scales = scales.baseAddress else { return }
                        let numbers = unsafe moed_kept_numbers(
                            scales: scales, minima: minima.baseAddress, small: small.baseAddress)
                        unsafe body(codes, numbers)
                    }
                }
            }
        }
    }
}
