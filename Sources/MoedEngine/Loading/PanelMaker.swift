import CMoedKernels
import MoedCore
import MoedWeights

/// Reads rows of a checkpoint and makes the kernels' panels of them.
struct PanelMaker {
    let checkpoint: Checkpoint
    /// Compares what was made with what was read.
    let measuresErrors: Bool

    /// Squares summed over a tensor's weights.
    struct ErrorSums {
        /// Of weight minus packed weight.
        var error = 0.0
        /// Of the weights themselves.
        var weights = 0.0

        mutating func add(_ other: ErrorSums) {
            error += other.error
            weights += other.weights
        }
    }

    /// Rows are read in portions of about this size.
    private static let portionBytes = 4 << 20

    /// The rows of the matrix in some of its panels.
    static func rows(of matrix: PackedMatrix, _ panels: Range<Int>) -> Range<Int> {
        let width = PackedMatrix.panelOutputs
        return panels.lowerBound
            * width..<max(
                panels.lowerBound * width, min(panels.upperBound * width, matrix.outputs))
    }

    /// Makes the panels of a part of a blob.
    ///
    /// - Parameter start: where byte `part.range.lowerBound` goes, zeroed, with room for all of the part.
    /// - Returns: the error of each piece, in order.
    func make(
        _ part: CheckpointWeights.Part, at start: UnsafeMutableRawPointer
    ) throws(EngineError) -> [ErrorSums] {
        var errors: [ErrorSums] = []
        for (tensor, panels) in part.pieces {
            let origin = unsafe start + (tensor.matrix.offset - part.range.lowerBound)
            let rowBytes = tensor.rowByteCount * PackedMatrix.panelOutputs
            let step = max(1, Self.portionBytes / rowBytes)
            var sums = ErrorSums()
            for first in stride(from: panels.lowerBound, to: panels.upperBound, by: step) {
                let portion = first..<min(first + step, panels.upperBound)
                sums.add(try unsafe make(portion, of: tensor, at: origin))
            }
            errors.append(sums)
        }
        return errors
    }

    /// - Parameter origin: where panel 0 of the matrix is, or would be.
    private func make(
        _ panels: Range<Int>, of tensor: CheckpointWeights.Tensor, at origin: UnsafeMutableRawPointer
    ) throws(EngineError) -> ErrorSums {
        let matrix = tensor.matrix
        let rows = Self.rows(of: matrix, panels)
        var buffer = [UInt8](repeating: 0, count: rows.count * tensor.rowByteCount)
        let first = rows.lowerBound * tensor.rowByteCount
        try checkpoint.read(tensor.entry, bytes: first..<first + buffer.count, into: &buffer)
        var scratch = [Float](repeating: 0, count: PackedMatrix.panelOutputs * matrix.inputs)
        var sums = ErrorSums()
        for panel in panels {
            let inPanel = Self.rows(of: matrix, panel..<panel + 1)
            let bad = unsafe buffer.withUnsafeBytes { bytes in
                guard let base = bytes.baseAddress else { return -1 }
                let source = unsafe base + (inPanel.lowerBound - rows.lowerBound) * tensor.rowByteCount
                let target = unsafe origin + panel * matrix.panelByteCount
                let bad = unsafe Self.pack(
                    source, inPanel.count, matrix, tensor.entry.type, &scratch, into: target)
                if bad < 0, measuresErrors {
                    unsafe sums.add(Self.error(of: target, inPanel.count, matrix, scratch))
                }
                return bad
            }
            guard bad < 0 else {
                let place = "[\(inPanel.lowerBound + bad / matrix.inputs), \(bad % matrix.inputs)]"
                throw checkpoint.error(
                    tensor.entry, "has a value that is infinite, not a number or absurdly large at \(place)")
            }
        }
        return sums
    }

    /// Packs up to 16 rows; returns the index of the first element that cannot be packed, or -1.
    ///
    /// - Parameter scratch: room for 16 rows; the weights as f32 afterwards, if the format is quantised.
    private static func pack(
        _ source: UnsafeRawPointer, _ rows: Int, _ matrix: PackedMatrix, _ type: ElementType,
        _ scratch: inout [Float], into panel: UnsafeMutableRawPointer
    ) -> Int {
        let columns = matrix.inputs
        if let group = matrix.format.group {
            unsafe widen(source, rows * columns, type, to: &scratch)
            return unsafe moed_quantise_panel(
                panel, scratch, rows, columns, Int32(matrix.format.bits), group)
        }
        switch type {
        case .bf16:
            return unsafe moed_pack_bf16(
                panel.assumingMemoryBound(to: UInt16.self), source.assumingMemoryBound(to: UInt16.self), rows,
                columns)
        case .f16:
            return unsafe moed_pack_f16(
                panel.assumingMemoryBound(to: Float.self), source.assumingMemoryBound(to: UInt16.self), rows,
                columns)
        default:
            return unsafe moed_pack_f32(
                panel.assumingMemoryBound(to: Float.self), source.assumingMemoryBound(to: Float.self), rows,
                columns)
        }
    }

    private static func widen(
        _ source: UnsafeRawPointer, _ count: Int, _ type: ElementType, to target: inout [Float]
    ) {
        switch type {
        case .bf16: unsafe moed_widen_bf16(&target, source.assumingMemoryBound(to: UInt16.self), 1, count)
        case .f16: unsafe moed_widen_f16(&target, source.assumingMemoryBound(to: UInt16.self), 1, count)
        default: unsafe moed_widen_f32(&target, source.assumingMemoryBound(to: Float.self), 1, count)
        }
    }

    /// Unquantised formats hold every weight exactly.
    private static func error(
        of panel: UnsafeMutableRawPointer, _ rows: Int, _ matrix: PackedMatrix, _ weights: [Float]
    ) -> ErrorSums {
        var sums = ErrorSums()
        guard let group = matrix.format.group else { return sums }
        var values = [Float](repeating: 0, count: matrix.inputs)
        for row in 0..<rows {
            unsafe moed_dequantise_row(
                &values, panel, row, matrix.inputs, Int32(matrix.format.bits), group)
            for column in 0..<matrix.inputs {
                let weight = Double(weights[row * matrix.inputs + column])
                let off = weight - Double(values[column])
                sums.error += off * off
                sums.weights += weight * weight
            }
        }
        return sums
    }
}
