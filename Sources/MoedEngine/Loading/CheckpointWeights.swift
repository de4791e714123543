import MoedCore
import MoedWeights

/// The places of a checkpoint's weights, in memory and in a pack alike: what is loaded from a pack is what would
/// have been made from the checkpoint, because both come from here.
final class CheckpointWeights: WeightSource {
    let checkpoint: Checkpoint
    let dense = WeightMemory()
    let experts = WeightMemory()
    private(set) var blobs: [Blob] = []
    private(set) var vectors: [(name: String, values: [Float])] = []
    private let denseFormat: WeightFormat
    private let expertFormat: WeightFormat

    /// Matrices that lie side by side and are stored as one.
    struct Blob {
        var name: String
        var file: PackManifest.WeightFileName
        var offset: Int
        var byteCount: Int
        /// A blob of one matrix is cut between panels; one of several is a single part.
        var partByteCount: Int
        var tensors: [Tensor]

        var format: String { Self.format(tensors.map(\.matrix.format)) }

        /// One name where all are alike.
        static func format(_ formats: [WeightFormat]) -> String {
            let names = formats.map(\.description)
            return Set(names).count == 1 ? names[0] : names.joined(separator: "+")
        }
    }

    struct Tensor {
        var entry: TensorEntry
        var matrix: PackedMatrix
    }

    /// Some whole panels of a blob, made in one go.
    struct Part {
        var blob: Int
        /// Bytes of its file and of its memory.
        var range: Range<Int>
        var pieces: [(tensor: Tensor, panels: Range<Int>)]

        /// Bytes of the checkpoint that it is made from.
        var sourceByteCount: Int {
            pieces.reduce(0) {
                $0 + PanelMaker.rows(of: $1.tensor.matrix, $1.panels).count * $1.tensor.rowByteCount
            }
        }
    }

    /// Large enough for the disk, small enough that all threads' buffers together are no burden.
    static let partBytes = 4 << 20

    /// - Parameters:
    ///   - experts: format of the experts; `.bf16` leaves them as stored (f32 for f16 and f32 checkpoints).
    ///   - dense: the same for all other matrices; see `WeightRole`.
    init(_ checkpoint: Checkpoint, experts: WeightFormat, dense: WeightFormat) {
        self.checkpoint = checkpoint
        expertFormat = experts
        denseFormat = dense
    }

    var configuration: ModelConfiguration { checkpoint.configuration }
    var byteCount: Int { dense.byteCount + experts.byteCount }

    func memory(of file: PackManifest.WeightFileName) -> WeightMemory { file == .dense ? dense : experts }

    func matrix(
        _ name: String, _ outputs: Int, _ inputs: Int, _ role: WeightRole
    ) throws(EngineError) -> PackedMatrix {
        let format = role.format(dense: denseFormat)
        let tensor = try tensor(name, outputs, inputs, format, in: dense, at: dense.byteCount)
        let matrix = tensor.matrix
        let offset = try dense.reserve(matrix.byteCount, alignment: WeightPlaces.matrixAlignment)
        blobs.append(
            Blob(
                name: name, file: .dense, offset: offset, byteCount: dense.byteCount - offset,
                partByteCount: WeightPlaces.partByteCount(of: matrix), tensors: [tensor]))
        return matrix
    }

    func expert(_ name: String, intermediate: Int) throws(EngineError) -> FeedForwardWeights {
        let hidden = configuration.hidden
        let start = experts.byteCount
        var end = start
        var tensors: [Tensor] = []
        for (part, outputs, inputs) in WeightPlaces.expertMatrices(hidden: hidden, intermediate: intermediate)
        {
            let tensor = try tensor("\(name).\(part)", outputs, inputs, expertFormat, in: experts, at: end)
            end += tensor.matrix.byteCount.rounded(upTo: WeightPlaces.matrixAlignment)
            tensors.append(tensor)
        }
        let offset = try experts.reserve(end - start, alignment: Pack.expertAlignment)
        let byteCount = experts.byteCount - offset
        blobs.append(
            Blob(
                name: name, file: .experts, offset: offset, byteCount: byteCount, partByteCount: byteCount,
                tensors: tensors))
        return FeedForwardWeights(
            gate: tensors[0].matrix, up: tensors[1].matrix, down: tensors[2].matrix)
    }

    private func tensor(
        _ name: String, _ outputs: Int, _ inputs: Int, _ wanted: WeightFormat, in memory: WeightMemory,
        at offset: Int
    ) throws(EngineError) -> Tensor {
        let entry = try checkpoint.weight("\(name).weight", shape: [outputs, inputs])
        let format = wanted == .bf16 && entry.type != .bf16 ? .f32 : wanted
        return Tensor(
            entry: entry,
            matrix: PackedMatrix(
                outputs: outputs, inputs: inputs, format: format, memory: memory, offset: offset))
    }

    /// Reads `name.weight` at once: norms are small.
    func vector(_ name: String, _ count: Int) throws(EngineError) -> [Float] {
        let entry = try checkpoint.weight("\(name).weight", shape: [count])
        var bytes = [UInt8](repeating: 0, count: entry.byteCount)
        try checkpoint.read(entry, bytes: 0..<entry.byteCount, into: &bytes)
        let values = (0..<count).map { Self.value(bytes, $0, entry.type) }
        guard values.allSatisfy(\.isFinite) else {
            throw checkpoint.error(entry, "has a value that is infinite or not a number")
        }
        vectors.append((name, values))
        return values
    }

    /// Little-endian element `index` of a weight type.
    private static func value(_ bytes: [UInt8], _ index: Int, _ type: ElementType) -> Float {
        let size = type.byteCount
        let bits = (0..<size).reduce(UInt32(0)) { $0 | UInt32(bytes[index * size + $1]) << UInt32(8 * $1) }
        return switch type {
        case .bf16: Float(bitPattern: bits << 16)
        case .f16: Float(Float16(bitPattern: UInt16(bits)))
        default: Float(bitPattern: bits)
        }
    }

    /// All parts in order.
    var parts: [Part] {
        blobs.indices.flatMap { index -> [Part] in
            let blob = blobs[index]
            let ranges = stride(from: blob.offset, to: blob.offset + blob.byteCount, by: blob.partByteCount)
            return ranges.map { start in
                let range = start..<min(start + blob.partByteCount, blob.offset + blob.byteCount)
                let pieces = blob.tensors.map { ($0, WeightPlaces.panels(of: $0.matrix, in: range)) }
                return Part(blob: index, range: range, pieces: pieces.filter { !$0.1.isEmpty })
            }
        }
    }
}

extension CheckpointWeights.Tensor {
    var rowByteCount: Int { matrix.inputs * entry.type.byteCount }
}

/// The rules by which weights are laid out, which loading from a pack follows too.
enum WeightPlaces {
    /// Where a matrix may begin: at a cache line.
    static let matrixAlignment = 64

    /// An expert's matrices in their order, `[outputs, inputs]`.
    static func expertMatrices(hidden: Int, intermediate: Int) -> [(name: String, outputs: Int, inputs: Int)]
    {
        [
            ("gate_proj", intermediate, hidden), ("up_proj", intermediate, hidden),
            ("down_proj", hidden, intermediate),
        ]
    }

    /// Whole panels, about `CheckpointWeights.partBytes`.
    static func partByteCount(of matrix: PackedMatrix) -> Int {
        max(1, CheckpointWeights.partBytes / matrix.panelByteCount) * matrix.panelByteCount
    }

    /// The panels of a matrix that lie in a range of its memory; none of them lies across its ends.
    static func panels(of matrix: PackedMatrix, in range: Range<Int>) -> Range<Int> {
        let size = matrix.panelByteCount
        let first = max(0, range.lowerBound - matrix.offset) / size
        let end = min(matrix.panels, max(0, range.upperBound - matrix.offset) / size)
        return first..<max(first, end)
    }
}
