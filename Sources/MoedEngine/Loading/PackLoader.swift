package import MoedCore
import MoedHost
package import MoedWeights

extension Qwen3Model {
    /// Reads a pack's weights into memory; nothing is computed but their digests.
    ///
    /// - Throws: `EngineError` naming file, blob and reason: a blob that is missing, of another size or format than
    ///   the configuration asks for, damaged or cut short; or when there is not enough memory.
    package static func load(
        _ pack: Pack, threads: Int, progress: Progress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model {
        try UnloadedModel(.pack(pack)).load(threads: threads, progress)
    }

    /// Loads from either kind of directory.
    ///
    /// - Parameter formats: what to make of a checkpoint's weights; a pack has formats of its own.
    package static func load(
        _ directory: ModelDirectory, experts: WeightFormat = .bf16, dense: WeightFormat = .bf16, threads: Int,
        progress: Progress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model {
        try UnloadedModel(directory, experts: experts, dense: dense).load(threads: threads, progress)
    }
}

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
        _ name: String, _ outputs: Int, _ inputs: Int, _ role: WeightRole
    ) throws(EngineError) -> PackedMatrix {
        let declared = role.format(dense: try declared(pack.manifest.dense))
        let format = try formats(of: name, count: 1, declared: declared)[0]
        let matrix = PackedMatrix(
            outputs: outputs, inputs: inputs, format: format, memory: dense, offset: dense.byteCount)
        let offset = try dense.reserve(matrix.byteCount, alignment: WeightPlaces.matrixAlignment)
        try read(name, .dense, "\(format)", to: dense, offset)
        return matrix
    }

    func expert(_ name: String, intermediate: Int) throws(EngineError) -> FeedForwardWeights {
        let shapes = WeightPlaces.expertMatrices(hidden: configuration.hidden, intermediate: intermediate)
        let formats = try formats(
            of: name, count: shapes.count, declared: try declared(pack.manifest.experts))
        let start = experts.byteCount
        var end = start
        var matrices: [PackedMatrix] = []
        for (shape, format) in zip(shapes, formats) {
            let matrix = PackedMatrix(
                outputs: shape.outputs, inputs: shape.inputs, format: format, memory: experts, offset: end)
            end += matrix.byteCount.rounded(upTo: WeightPlaces.matrixAlignment)
            matrices.append(matrix)
        }
        let offset = try experts.reserve(end - start, alignment: Pack.expertAlignment)
        try read(name, .experts, CheckpointWeights.Blob.format(formats), to: experts, offset)
        return FeedForwardWeights(gate: matrices[0], up: matrices[1], down: matrices[2])
    }

    /// The formats of a blob's matrices; one name stands for all of them.
    ///
    /// - Parameter declared: what matrices of this kind are; each of the same format if that is a quantised one.
    private func formats(
        of name: String, count: Int, declared: WeightFormat
    ) throws(EngineError) -> [WeightFormat] {
        let text = try pack.format(of: name)
        let names = text.split(separator: "+").map(String.init)
        let formats = names.compactMap { WeightFormat($0) }
        guard formats.count == names.count, formats.count == 1 || formats.count == count else {
            throw pack.error(inManifest: "blob \(name) is of unknown format “\(text.prefix(100))”")
        }
        for format in formats where declared.group != nil ? format != declared : format.group != nil {
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
        with pool: WorkerPool, experts loadsExperts: Bool, _ progress: Qwen3Model.Progress
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

extension Pack {
    /// Reads all of the weight files and compares them with their digests.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` naming the first blob, in the manifest's order, that is damaged.
    package func verify(threads: Int, progress: Qwen3Model.Progress = { _, _ in }) throws(EngineError) {
        let pool = try WorkerPool(threads: threads)
        let parts = manifest.blobs.flatMap { blob in blob.parts.map { (blob, $0) } }
        let digests = try PartWork(parts, byteCount: \.1.count)
            .run(on: pool, progress) { (part) throws(EngineError) in
                let memory = try AlignedMemory.allocated(byteCount: part.1.count, purpose: "verifying")
                return try unsafe readPart(part.1, of: part.0, to: memory.base)
            }
        var first = 0
        for blob in manifest.blobs {
            let count = blob.parts.count
            try check(blob, parts: Array(digests[first..<first + count]))
            first += count
        }
    }
}
