import MoedAdapters
import MoedCore
import MoedPacks
import MoedWeights

/// The places of a checkpoint's weights, in memory and in a pack alike: a pack is loaded to the same bytes that would
/// be made from its checkpoint, because both plans come from here.
final class CheckpointWeights: WeightSource {
    let checkpoint: Checkpoint
    let dense = WeightMemory()
    let experts = WeightMemory()
    private(set) var blobs: [Blob] = []
    private(set) var vectors: [(name: String, values: [Float])] = []
    /// As `PackManifest.weightsDigest`; nil until the weights are loaded.
    private(set) var weightsDigest: Digest?
    private let naming: any TensorNaming
    private let denseFormat: WeightFormat
    private let expertFormat: WeightFormat
    /// Merged into the weights, in this order.
    private let adapters: [Adapter]
    private lazy var kept = KeptChoice(configuration.shape) { [unowned self] (name, shape) throws(EngineError) in
        try rows(name, shape)
    }

    /// Matrices that lie side by side and are stored as one.
    struct Blob {
        var name: String
        var file: PackManifest.WeightFileName
        var offset: Int
        var byteCount: Int
        /// A blob of one matrix is cut between panels; one of several is a single part.
        var partByteCount: Int
        var format: String
        var matrices: [Matrix]
    }

    /// A matrix in memory and the rows that it is made from.
    struct Matrix {
        var source: any RowSource
        var packed: PackedMatrix
    }

    /// Some whole panels of a blob, made in one go.
    struct Part {
        var blob: Int
        /// Bytes of its file and of its memory.
        var range: Range<Int>
        var pieces: [(matrix: Matrix, panels: Range<Int>)]

        /// Bytes of the checkpoint that it is made from.
        var sourceByteCount: Int {
            pieces.reduce(0) { $0 + $1.matrix.packed.rows(of: $1.panels).count * $1.matrix.source.rowByteCount }
        }
    }

    /// - Parameters:
    ///   - experts: format of the experts; `.bf16` leaves them as stored (f32 for f16 and f32 checkpoints).
    ///   - dense: format of all other matrices; see `WeightRole`.
    ///   - adapters: merged into the weights.
    init(_ checkpoint: Checkpoint, experts: WeightFormat, dense: WeightFormat, adapters: [Adapter] = []) {
        self.checkpoint = checkpoint
        self.adapters = adapters
        naming = checkpoint.naming
        expertFormat = experts
        denseFormat = dense
    }

    var configuration: ModelConfiguration { checkpoint.configuration }
    var byteCount: Int { dense.byteCount + experts.byteCount }

    func memory(of file: PackManifest.WeightFileName) -> WeightMemory { file == .dense ? dense : experts }

    func matrix(
        _ name: String, _ shape: MatrixShape, _ role: WeightRole
    ) throws(EngineError) -> PackedMatrix {
        let source = try rows(name, shape)
        let wanted = role.format(dense: denseFormat)
        let format = wanted == .keep ? try kept.format(of: source, name) : Self.format(of: source, wanted: wanted)
        let matrix = PackedMatrix(shape, format, in: dense, at: dense.byteCount)
        let offset = try dense.reserve(matrix.byteCount, alignment: Pack.matrixAlignment)
        blobs.append(
            Blob(
                name: name, file: .dense, offset: offset, byteCount: dense.byteCount - offset,
                partByteCount: matrix.partByteCount, format: "\(format)",
                matrices: [Matrix(source: source, packed: matrix)]))
        return matrix
    }

    func expert(_ name: String, _ shape: FeedForwardShape) throws(EngineError) -> FeedForwardWeights {
        var sources: [any RowSource] = []
        for matrix in shape.matrices {
            sources.append(try rows("\(name).\(matrix.name)", matrix.shape))
        }
        let formats =
            expertFormat == .keep
            ? try kept.formats(of: sources, name) : sources.map { Self.format(of: $0, wanted: expertFormat) }
        let layout = ExpertLayout(shape, formats)
        let offset = try experts.reserve(layout.byteCount, alignment: Pack.expertAlignment)
        let matrices = PackedMatrix.matrices(of: layout, in: experts, at: offset)
        let byteCount = experts.byteCount - offset
        blobs.append(
            Blob(
                name: name, file: .experts, offset: offset, byteCount: byteCount, partByteCount: byteCount,
                format: layout.format, matrices: zip(sources, matrices).map { Matrix(source: $0, packed: $1) }))
        return FeedForwardWeights(matrices)
    }

    /// The rows of a matrix, adapters merged.
    private func rows(_ name: String, _ shape: MatrixShape) throws(EngineError) -> any RowSource {
        adapters.compactMap { $0.factors[name] }
            .reduce(try naming.matrix(name, shape, in: checkpoint)) { MergedRows($0, $1) }
    }

    private static func format(of source: any RowSource, wanted: WeightFormat) -> WeightFormat {
        wanted.quantGroup == nil ? source.exactFormat : wanted
    }

    /// Reads the norm at once: norms are small.
    func vector(_ name: String, _ count: Int) throws(EngineError) -> [Float] {
        let source = try naming.vector(name, count: count, in: checkpoint)
        var values = [Float](repeating: 0, count: count)
        try source.rows(0..<1, into: &values)
        guard values.allSatisfy(\.isFinite) else {
            throw source.error("has a value that is infinite or not a number")
        }
        vectors.append((name, values))
        return values
    }

    /// All parts in order.
    var parts: [Part] {
        blobs.indices.flatMap { index -> [Part] in
            let blob = blobs[index]
            let ranges = stride(from: blob.offset, to: blob.offset + blob.byteCount, by: blob.partByteCount)
            return ranges.map { start in
                let range = start..<min(start + blob.partByteCount, blob.offset + blob.byteCount)
                let pieces = blob.matrices.map { ($0, $0.packed.panels(in: range)) }
                return Part(blob: index, range: range, pieces: pieces.filter { !$0.1.isEmpty })
            }
        }
    }

    /// Makes all panels in memory, and compares them with the weights that they are made of.
    ///
    /// - Returns: the errors of all weights together.
    func loadMeasuring(with pool: WorkerPool, _ progress: LoadProgress) throws(EngineError) -> PanelMaker.ErrorSums {
        try dense.allocate()
        try experts.allocate()
        let maker = PanelMaker(measuresErrors: true)
        let work = PartWork(parts, byteCount: \.sourceByteCount)
        let errors = try work.run(on: pool, progress) { (part) throws(EngineError) in
            let start = unsafe memory(of: blobs[part.blob].file).bytes(
                at: part.range.lowerBound, count: part.range.count)
            return try unsafe maker.make(part, at: start)
        }
        var sums = PanelMaker.ErrorSums()
        for error in errors.joined() { sums.add(error) }
        return sums
    }

    /// Makes all panels in memory.
    func load(with pool: WorkerPool, _ progress: LoadProgress) throws(EngineError) {
        try dense.allocate()
        try experts.allocate()
        let maker = PanelMaker(measuresErrors: false)
        let work = PartWork(parts, byteCount: \.sourceByteCount)
        let blobs = blobs
        let digests = try work.run(on: pool, progress) { (part) throws(EngineError) in
            let blob = blobs[part.blob]
            let start = unsafe memory(of: blob.file).bytes(
                at: part.range.lowerBound, count: part.range.count)
            _ = try unsafe maker.make(part, at: start)
            return unsafe Digest(UnsafeRawBufferPointer(start: start, count: part.range.count))
        }
        weightsDigest = PackManifest.digest(of: packBlobs(digests) + packNorms.map(\.blob))
    }
}
