import MoedPacks
import MoedWeights

extension PackedMatrix {
    /// Large enough for the disk, small enough that all threads' buffers together are no burden.
    private static let partBytes = 4 << 20

    /// Bytes of the parts that a matrix is made, written and read in: whole panels, about `partBytes`.
    var partByteCount: Int { max(1, Self.partBytes / panelByteCount) * panelByteCount }

    /// The panels that lie in a range of its memory; none of them lies across its ends.
    func panels(in range: Range<Int>) -> Range<Int> {
        let first = max(0, range.lowerBound - offset) / panelByteCount
        let end = min(panels, max(0, range.upperBound - offset) / panelByteCount)
        return first..<max(first, end)
    }

    /// The rows in some of its panels.
    func rows(of panels: Range<Int>) -> Range<Int> {
        let width = Self.panelOutputs
        let first = panels.lowerBound * width
        return first..<max(first, min(panels.upperBound * width, outputs))
    }

    /// Gate, up and down of an expert that begins at `offset`.
    static func matrices(of layout: ExpertLayout, in memory: WeightMemory, at offset: Int) -> [PackedMatrix] {
        layout.parts.map { PackedMatrix($0.shape, $0.format, in: memory, at: offset + $0.offset) }
    }
}
