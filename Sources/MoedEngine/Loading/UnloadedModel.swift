package import MoedReading
package import MoedAdapters
package import MoedCore
package import MoedPacks
package import MoedWeights

/// A model whose weights have their places and are not read yet, so that its memory needs are known before loading.
package struct UnloadedModel {
    private enum Source {
        case checkpoint(CheckpointWeights)
        case pack(PackWeights)
        /// Shapes without weights.
        case none
    }

    private let source: Source
    /// For its shapes; the weights are not there, and adapters are.
    private(set) var model: Qwen3Model
    /// Bytes of all experts, and of all other weights.
    package let expertByteCount: Int
    package let denseByteCount: Int
    /// The table of a pack's experts; nil for a checkpoint, and for a model without experts.
    package let table: ExpertTable?
    /// Experts of all layers, and bytes of an expert place.
    package let expertCount: Int
    package let placeByteCount: Int
    /// True when experts can be read while the model runs.
    package let canStream: Bool

    /// Reads headers and norms.
    ///
    /// - Parameters:
    ///   - experts: format of a checkpoint's experts; a pack has formats of its own.
    ///   - dense: the same for all other matrices; see `WeightRole`.
    /// - Throws: `EngineError` naming file, tensor or blob, and reason.
    package init(
        _ directory: ModelDirectory, experts: WeightFormat = .bf16, dense: WeightFormat = .bf16
    ) throws(EngineError) {
        switch directory {
        case .checkpoint(let checkpoint):
            let weights = CheckpointWeights(checkpoint, experts: experts, dense: dense)
            model = try ModelAssembly(source: weights).model()
            (expertByteCount, denseByteCount) = (weights.experts.byteCount, weights.dense.byteCount)
            source = .checkpoint(weights)
            table = nil
        case .pack(let pack):
            let weights = PackWeights(pack)
            model = try ModelAssembly(source: weights).model()
            (expertByteCount, denseByteCount) = (weights.experts.byteCount, weights.dense.byteCount)
            source = .pack(weights)
            table =
                weights.experts.byteCount > 0 ? try ExpertTable(pack, blobs: weights.expertBlobs) : nil
        }
        canStream = table != nil
        placeByteCount = table?.placeByteCount ?? 0
        expertCount = table?.count ?? 0
    }

    /// A model that is not here, as a pack would hold it: for plans.
    ///
    /// - Parameters:
    ///   - experts: format of the experts.
    ///   - dense: of all other matrices; see `WeightRole`.
    package init(
        shape: ModelConfiguration, experts: WeightFormat, dense: WeightFormat
    ) throws(EngineError) {
        source = .none
        table = nil
        let weights = SyntheticWeights(shape, experts: experts, dense: dense, seed: 0)
        model = try ModelAssembly(source: weights).model()
        let sizes = shape.shape
        let expert = sizes.expert.map { ExpertLayout($0, [experts]) }
        expertCount = sizes.expertCount
        placeByteCount = expert?.paddedByteCount ?? 0
        expertByteCount = expertCount * placeByteCount
        // The synthetic places have no padding between experts.
        denseByteCount = weights.byteCount - expertCount * (expert?.byteCount ?? 0)
        canStream = expertCount > 0
    }

    /// Reads adapters, which engines of the model then have beside it.
    ///
    /// - Throws: `EngineError` naming file, tensor and reason.
    package mutating func attach(_ adapters: [NamedAdapter]) throws(EngineError) {
        for adapter in adapters {
            model.adapters.append(try LoadedAdapter(adapter, layers: configuration.shape.layers))
        }
    }

    /// Bytes of all adapters.
    package var adapterByteCount: Int { model.adapters.reduce(0) { $0 + $1.byteCount } }

    /// Format of keys and values unless a setting names one.
    package var kvFormatDefault: KVFormat { model.kvFormatDefault }
    package var configuration: ModelConfiguration { model.configuration }

    /// Digest of the weights in their formats, the same for a checkpoint and for its pack. A checkpoint's is known once
    /// it is loaded.
    package var weightsDigest: Digest? {
        switch source {
        case .checkpoint(let weights): weights.weightsDigest
        case .pack(let weights): weights.pack.manifest.weightsDigest
        case .none: nil
        }
    }

    /// Reads all weights into memory.
    package func load(
        threads: Int, _ progress: LoadProgress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model {
        let pool = try WorkerPool(threads: threads)
        switch source {
        case .checkpoint(let weights): try weights.load(with: pool, progress)
        case .pack(let weights): try weights.load(with: pool, experts: true, progress)
        case .none: throw EngineError(.invalidInput, "there are shapes only, no weights")
        }
        return model
    }

    /// Reads a pack's weights but for the experts, which the engine reads while it runs.
    ///
    /// - Parameter reader: for the experts; nil reads the pack's file.
    /// - Throws: `EngineError(.invalidInput)` for a model that has no experts or is no pack.
    package func loadStreamed(
        verification: ExpertVerification = .first, reader: (any ExpertReader)? = nil, threads: Int,
        _ progress: LoadProgress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model {
        guard case .pack(let weights) = source, let table else {
            throw EngineError(.invalidInput, "only the experts of a pack can be read while a model runs")
        }
        try weights.load(with: try WorkerPool(threads: threads), experts: false, progress)
        weights.pack.forget(.dense)
        let file: any ExpertReader
        if let reader { file = reader } else { file = try DirectFile(table.path) }
        var model = model
        model.weightByteCount = denseByteCount
        model.streamed = StreamedExperts(table: table, reader: file, verification: verification)
        return model
    }

    /// Reads a pack's weights but for the experts, which come into memory while the engine runs already.
    ///
    /// - Parameter reader: for the experts; nil reads the pack's file.
    /// - Returns: for one engine; nil when experts have no places of their own: no pack, or of mixed formats.
    package func loadArriving(
        verification: ExpertVerification = .first, reader: (any ExpertReader)? = nil, threads: Int,
        _ progress: LoadProgress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model? {
        guard case .pack(let weights) = source, let table, table.isUniform else { return nil }
        try weights.load(with: try WorkerPool(threads: threads), experts: false, progress)
        try weights.experts.allocate()
        let file: any ExpertReader
        if let reader { file = reader } else { file = try DirectFile(table.path, isReadOnce: true) }
        var model = model
        model.streamed = StreamedExperts(
            table: table, reader: file, verification: verification, memory: weights.experts)
        return model
    }

    /// Measures the disk with reads of a pack's experts; nil for a model without them.
    ///
    /// - Throws: `EngineError` when they cannot be read.
    package func probeDisk() throws(EngineError) -> DiskProbe? {
        guard let table else { return nil }
        return try DiskProbe.measure(table, try DirectFile(table.path))
    }

    /// The least work of a sweep, with the default format of keys and values.
    ///
    /// - Parameters:
    ///   - rows: tokens in it.
    ///   - visible: tokens that its rows attend to, summed over the rows.
    ///   - sampled: rows that the output matrix is computed for.
    ///   - keyValueBytes: bytes of keys and values of one token in all layers.
    package func sweepCost(rows: Int, visible: Int, sampled: Int, keyValueBytes: Double) -> SweepCost {
        model.layersCost(
            rows: rows, visible: visible, cached: visible, keyValueBytes: keyValueBytes, kv: kvFormatDefault)
            + model.outputCost(rows: sampled)
    }

    /// Memory that an engine for it needs, found by making one without weights: untouched memory costs nothing.
    package func memoryNeeds(_ settings: EngineSettings) throws(EngineError) -> (
        activations: Int, kvBlock: Int, kvBlockTokens: Int
    ) {
        try Self.memoryNeeds(of: model, settings)
    }

    static func memoryNeeds(of model: Qwen3Model, _ settings: EngineSettings) throws(EngineError) -> (
        activations: Int, kvBlock: Int, kvBlockTokens: Int
    ) {
        let compute = Compute(kernels: try KernelSet(named: nil), pool: try WorkerPool(threads: 1))
        let pass = try ForwardPass(
            model, compute, rowsMax: settings.rowsPerSweepMax, kvBlocks: 1, kvFormat: settings.kvFormat)
        return (pass.scratchByteCount, pass.cache.byteCount, KVCache.blockTokens)
    }
}
