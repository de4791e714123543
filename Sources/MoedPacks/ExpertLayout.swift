package import MoedWeights

/// The layout of one expert, in a pack's file and in memory: its matrices one behind the other, each from a cache line.
package struct ExpertLayout: Sendable {
    package struct Part: Sendable {
        /// `gate_proj`, `up_proj` or `down_proj`.
        package let name: String
        package let shape: MatrixShape
        package let format: WeightFormat
        /// Byte offset from the beginning of the expert.
        package let offset: Int
    }

    package let parts: [Part]
    /// Bytes from the expert's beginning to the end of its last matrix, padded to a cache line.
    package let byteCount: Int

    /// - Parameter formats: of gate, up and down; one stands for all of them.
    package init(_ shape: FeedForwardShape, _ formats: [WeightFormat]) {
        precondition(formats.count == 1 || formats.count == shape.matrices.count)
        var parts: [Part] = []
        var end = 0
        for (index, matrix) in shape.matrices.enumerated() {
            let format = formats.count == 1 ? formats[0] : formats[index]
            parts.append(Part(name: matrix.name, shape: matrix.shape, format: format, offset: end))
            let bytes = format.byteCount(outputs: matrix.shape.outputs, inputs: matrix.shape.inputs)
            end += bytes.rounded(upTo: Pack.matrixAlignment)
        }
        self.parts = parts
        byteCount = end
    }

    /// Bytes of the expert in a pack, and of the place that it takes in memory: whole pages.
    package var paddedByteCount: Int { byteCount.rounded(upTo: Pack.expertAlignment) }

    /// The format in a manifest: one name where all matrices have the same.
    package var format: String {
        let names = parts.map(\.format.description)
        return Set(names).count == 1 ? names[0] : names.joined(separator: "+")
    }
}

extension Int {
    /// The smallest multiple of `unit` that is not smaller.
    package func rounded(upTo unit: Int) -> Int { (self + unit - 1) / unit * unit }
}
