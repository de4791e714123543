package import MoedCore
package import MoedWeights

/// A model whose weights have their places and are not read yet: what it needs is known before anything is loaded.
package struct UnloadedModel {
    private enum Source {
        case checkpoint(CheckpointWeights)
        case pack(PackWeights)
        /// Shapes without weights.
        case none
    }

    private let source: Source
    /// For its shapes; the weights are not there.
    let model: Qwen3Model
    /// Bytes of the experts, and of all other weights.
    package let expertByteCount: Int
    package let denseByteCount: Int
    /// Where a pack's experts are; nil for a checkpoint, and for a model without experts.
    package let bank: ExpertBank?
    /// Experts of all layers, and bytes that hold any of them.
    package let expertCount: Int
    package let slotByteCount: Int
    /// Whether experts can be read while the model runs.
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
            bank = nil
        case .pack(let pack):
            let weights = PackWeights(pack)
            model = try ModelAssembly(source: weights).model()
            (expertByteCount, denseByteCount) = (weights.experts.byteCount, weights.dense.byteCount)
            source = .pack(weights)
            bank =
                weights.experts.byteCount > 0 ? try ExpertBank(pack, blobs: weights.expertBlobs) : nil
        }
        canStream = bank != nil
        slotByteCount = bank?.slotByteCount ?? 0
        expertCount = bank?.count ?? 0
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
        bank = nil
        let weights = SyntheticWeights(shape, experts: experts, dense: dense, seed: 0)
        model = try ModelAssembly(source: weights).model()
        let sparse = (0..<shape.layers).count { shape.isSparse(layer: $0) }
        expertCount = sparse * (shape.experts?.count ?? 0)
        let expert = WeightPlaces.expertMatrices(
            hidden: shape.hidden, intermediate: shape.experts?.intermediate ?? 0)
        let matrices = expert.map { experts.byteCount(outputs: $0.outputs, inputs: $0.inputs) }
        slotByteCount = matrices.reduce(0) { $0 + $1.rounded(upTo: WeightPlaces.matrixAlignment) }
            .rounded(upTo: Pack.expertAlignment)
        expertByteCount = expertCount * slotByteCount
        // Its own places have no padding between experts.
        let unpadded =
            expertCount * matrices.reduce(0) { $0 + $1.rounded(upTo: WeightPlaces.matrixAlignment) }
        denseByteCount = weights.byteCount - unpadded
        canStream = expertCount > 0
    }

    /// How keys and values are held unless told otherwise.
    package var kvFormatDefault: KVFormat { model.kvFormatDefault }
    package var configuration: ModelConfiguration { model.configuration }

    /// Reads all weights into memory.
    package func load(
        threads: Int, _ progress: Qwen3Model.Progress = { _, _ in }
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
        _ progress: Qwen3Model.Progress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model {
        guard case .pack(let weights) = source, let bank else {
            throw EngineError(.invalidInput, "only the experts of a pack can be read while a model runs")
        }
        try weights.load(with: try WorkerPool(threads: threads), experts: false, progress)
        weights.pack.forget(.dense)
        let file: any ExpertReader
        if let reader { file = reader } else { file = try DirectFile(bank.path) }
        var model = model
        model.weightByteCount = denseByteCount
        model.streamed = StreamedExperts(bank: bank, reader: file, verification: verification)
        return model
    }

    /// Reads a pack's weights but for the experts, which come into memory while the engine runs already.
    ///
    /// - Parameter reader: for the experts; nil reads the pack's file.
    /// - Returns: for one engine; nil when experts have no places of their own: no pack, or of mixed formats.
    package func loadArriving(
        verification: ExpertVerification = .first, reader: (any ExpertReader)? = nil, threads: Int,
        _ progress: Qwen3Model.Progress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model? {
        guard case .pack(let weights) = source, let bank, bank.isUniform else { return nil }
        try weights.load(with: try WorkerPool(threads: threads), experts: false, progress)
        try weights.experts.allocate()
        let file: any ExpertReader
        if let reader { file = reader } else { file = try DirectFile(bank.path, isReadOnce: true) }
        var model = model
        model.streamed = StreamedExperts(
            bank: bank, reader: file, verification: verification, memory: weights.experts)
        return model
    }

    /// What the disk gives when a pack's experts are read; nil where there are none.
    ///
    /// - Throws: `EngineError` when they cannot be read.
    package func probeDisk() throws(EngineError) -> DiskProbe? {
        guard let bank else { return nil }
        return try DiskProbe.measure(bank, try DirectFile(bank.path))
    }

    /// What a sweep must do at least: so many rows, that attend to so many tokens in all; the output matrix for the
    /// last `sampled` of them.
    package func sweepCost(rows: Int, visible: Int, sampled: Int, keyValueBytes: Double) -> SweepCost {
        model.layersCost(rows: rows, visible: visible, cached: visible, keyValueBytes: keyValueBytes)
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
