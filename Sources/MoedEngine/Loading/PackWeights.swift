import MoedCore
import MoedPacks
import MoedWeights

/// The places of a pack's weights in memory.
final class PackWeights: WeightSource {
    let pack: Pack
    let dense = WeightMemory()
    let experts = WeightMemory()
    private var reads: [(blob: PackManifest.Blob, memory: WeightMemory, offset: Int)] = []

    init(_ pack: Pack) { self.pack = pack }

    var configuration: ModelConfiguration { pack.configuration }
    var byteCount: Int { dense.byteCount + experts.byteCount }

    func vector(_ name: String, _ count: Int) throws(EngineError) -> [Float] {
        try pack.vector(name, count: count)
    }

    func matrix(
        _ name: String, _ shape: MatrixShape, _ role: WeightRole
    ) throws(EngineError) -> PackedMatrix {
        let declared = role.format(dense: try declared(pack.manifest.dense))
        let format = try formats(of: name, count: 1, declared: declared)[0]
        let matrix = PackedMatrix(shape, format, in: dense, at: dense.byteCount)
        let offset = try dense.reserve(matrix.byteCount, alignment: Pack.matrixAlignment)
        try read(name, .dense, "\(format)", to: dense, offset)
        return matrix
    }

    func expert(_ name: String, _ shape: FeedForwardShape) throws(EngineError) -> FeedForwardWeights {
        let declared = try declared(pack.manifest.experts)
        let layout = ExpertLayout(
            shape, try formats(of: name, count: shape.matrices.count, declared: declared))
        let offset = try experts.reserve(layout.byteCount, alignment: Pack.expertAlignment)
        try read(name, .experts, layout.format, to: experts, offset)
        return FeedForwardWeights(PackedMatrix.matrices(of: layout, in: experts, at: offset))
    }

    /// The formats of a blob's matrices; one name stands for all of them.
    ///
    /// - Parameter declared: the manifest's format of such matrices; if it is a quantised one, each must have it.
    private func formats(
        of name: String, count: Int, declared: WeightFormat
    ) throws(EngineError) -> [WeightFormat] {
        let text = try pack.format(of: name)
        let names = text.split(separator: "+").map(String.init)
        let formats = names.compactMap { WeightFormat($0) }
        guard formats.count == names.count, formats.count == 1 || formats.count == count else {
            throw pack.error(inManifest: "blob \(name) is of unknown format “\(text.prefix(100))”")
        }
        let isOther = { (format: WeightFormat) in
            if declared == .keep { return format == .keep }
            return declared.quantGroup != nil ? format != declared : format.quantGroup != nil
        }
        for format in formats where isOther(format) {
            throw pack.error(inManifest: "blob \(name) is \(format), but such matrices are \(declared)")
        }
        return formats.count == count ? formats : Array(repeating: formats[0], count: count)
    }

    private func declared(_ text: String) throws(EngineError) -> WeightFormat {
        guard let format = WeightFormat(text) else {
            throw pack.error(inManifest: "unknown format “\(text.prefix(100))”")
        }
        return format
    }

    /// Notes what to read to the memory reserved last.
    private func read(
        _ name: String, _ file: PackManifest.WeightFileName, _ format: String, to memory: WeightMemory,
        _ offset: Int
    ) throws(EngineError) {
        let blob = try pack.blob(name, in: file, format: format, byteCount: memory.byteCount - offset)
        reads.append((blob, memory, offset))
    }

    /// One read: of a part, so that a thread still has it in its cache when it computes the digest.
    private struct Read {
        var blob: PackManifest.Blob
        var part: Range<Int>
        var memory: WeightMemory
        var offset: Int
    }

    /// The experts' blobs, in their file's order.
    var expertBlobs: [PackManifest.Blob] { reads.filter { $0.memory === experts }.map(\.blob) }

    /// Reads everything, or everything but the experts.
    func load(
        with pool: WorkerPool, experts loadsExperts: Bool, _ progress: LoadProgress
    ) throws(EngineError) {
        try dense.allocate()
        if loadsExperts { try experts.allocate() }
        let reads = loadsExperts ? reads : reads.filter { $0.memory === dense }
        let parts = reads.flatMap { (blob, memory, offset) in
            blob.parts.map {
                Read(blob: blob, part: $0, memory: memory, offset: offset + $0.lowerBound - blob.offset)
            }
        }
        let digests = try PartWork(parts, byteCount: \.part.count)
            .run(on: pool, progress) { (read) throws(EngineError) in
                let target = unsafe read.memory.bytes(at: read.offset, count: read.part.count)
                return try unsafe pack.readPart(read.part, of: read.blob, to: target)
            }
        var first = 0
        for (blob, _, _) in reads {
            let count = blob.parts.count
            try pack.check(blob, parts: Array(digests[first..<first + count]))
            first += count
        }
    }
}
