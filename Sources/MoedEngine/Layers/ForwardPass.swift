import MoedCore
import MoedWeights

/// Runs rows of tokens through the model; owns all scratch memory, allocated once.
final class ForwardPass {
    let model: Qwen3Model
    let compute: Compute
    let cache: KVCache
    /// Rows whose logits are computed at once: bounds the logits' memory, which is a vocabulary per row.
    static let logitRowsMax = 64

    private let c: ModelConfiguration
    private let residual: RowBuffer<Float>
    private let normed: ActivationRows
    private let delta: RowBuffer<Float>
    private let queries: RowBuffer<Float>
    private let keys: RowBuffer<Float>
    private let values: RowBuffer<Float>
    /// Queries, keys and values of each layer, products of one input.
    private let projections: [[Compute.Product]]
    private let attended: ActivationRows
    private let shape: Compute.AttentionShape
    private let dense: Compute.Intermediate?
    private let mixture: MixtureOfExperts?
    private let finalRows: ActivationRows
    /// `[logitRowsMax, vocabulary]`, written by `computeLogits`.
    let logits: RowBuffer<Float>
    /// Where experts come from; nil when all of them are in memory from the start.
    let supply: (any ExpertSupply)?
    var routingObserver: RoutingObserver?

    init(
        _ model: Qwen3Model, _ compute: Compute, rowsMax: Int, kvBlocks: Int, kvFormat: KVFormat,
        supply: (any ExpertSupply)? = nil
    ) throws(EngineError) {
        self.supply = supply
        let c = model.configuration
        (self.model, self.compute, self.c) = (model, compute, c)
        cache = try KVCache(
            layers: c.layers, heads: c.keyValueHeads, headDim: c.headDim, blocks: kvBlocks, format: kvFormat)
        func rows(_ columns: Int, _ purpose: String) throws(EngineError) -> RowBuffer<Float> {
            try RowBuffer(rows: rowsMax, columns: columns, purpose: purpose)
        }
        func activations(_ columns: Int, _ purpose: String) throws(EngineError) -> ActivationRows {
            try ActivationRows(
                rows: rowsMax, columns: columns, quantised: model.isQuantised, purpose: purpose)
        }
        residual = try rows(c.hidden, "the residual stream")
        normed = try activations(c.hidden, "normed activations")
        delta = try rows(c.hidden, "layer outputs")
        queries = try rows(c.heads * c.headDim, "queries")
        keys = try rows(c.keyValueHeads * c.headDim, "keys")
        values = try rows(c.keyValueHeads * c.headDim, "values")
        projections = model.layers.map { [queries, keys, values] in
            [
                .init(weights: $0.attention.query, out: queries), .init(weights: $0.attention.key, out: keys),
                .init(weights: $0.attention.value, out: values),
            ]
        }
        attended = try activations(c.heads * c.headDim, "attention outputs")
        shape = Compute.AttentionShape(
            heads: c.heads, keyValueHeads: c.keyValueHeads, headDim: c.headDim, epsilon: c.normEpsilon,
            cosine: try rows(c.headDim / 2, "rotations"), sine: try rows(c.headDim / 2, "rotations"),
            blockTable: try RowBuffer(rows: 1, columns: kvBlocks, purpose: "the block table"))
        let hasDense = (0..<c.layers).contains { !c.isSparse(layer: $0) }
        dense =
            hasDense
            ? Compute.Intermediate(
                gate: try activations(c.intermediate, "feed-forward activations"),
                up: try rows(c.intermediate, "feed-forward activations"))
            : nil
        mixture = try c.experts.map { experts throws(EngineError) in
            try MixtureOfExperts(experts, hidden: c.hidden, rowsMax: rowsMax, quantised: model.isQuantised)
        }
        finalRows = try ActivationRows(
            rows: Self.logitRowsMax, columns: c.hidden, quantised: model.isQuantised,
            purpose: "final activations")
        logits = try RowBuffer(rows: Self.logitRowsMax, columns: c.vocabulary, purpose: "logits")
    }

    /// Scratch memory, the KV cache not counted.
    var scratchByteCount: Int {
        [residual, delta, queries, keys, values, logits].reduce(shape.byteCount) { $0 + $1.byteCount }
            + [normed, attended, finalRows].reduce(0) { $0 + $1.byteCount }
            + (dense?.byteCount ?? 0) + (mixture?.byteCount ?? 0)
    }

    /// Appends the sweep's tokens to their sequences' caches and leaves their final residual rows for
    /// `computeLogits`.
    ///
    /// - Parameter progress: called once per layer, and between groups of streamed experts.
    /// - Throws: `EngineError(.io)` when an expert cannot be read, `(.interrupted)`. The caches of the sweep's
    ///   sequences are as they were up to the tokens that they had.
    func run(
        _ sweep: Sweep, progress: () -> Void, trace: TraceObserver? = nil
    ) throws(EngineError) {
        for (index, block) in sweep.blocks.enumerated() { shape.blockTable[0, index] = block }
        compute.rotations(
            of: sweep.positions, model.inverseFrequencies, factor: c.rotary.attentionFactor, shape)
        compute.embed(sweep.tokens, model.embedding, into: residual)
        let allRows = Array(0..<sweep.rows)
        let show = { (name: TraceTensor.Name, layer: Int?, buffer: RowBuffer<Float>) in
            trace?(TraceTensor(name: name, layer: layer, values: buffer.copy(rows: sweep.rows)))
        }
        if trace != nil { show(.embedding, nil, residual) }

        for (index, layer) in model.layers.enumerated() {
            compute.normalise(
                residual, rowsOf: allRows, layer.attentionNorm, epsilon: c.normEpsilon, into: normed,
                group: layer.attention.group)
            attention(layer.attention, sweep, layer: index)
            if trace != nil { show(.attentionOutput, index, delta) }
            compute.add(delta, to: residual, rows: sweep.rows)

            compute.normalise(
                residual, rowsOf: allRows, layer.feedForwardNorm, epsilon: c.normEpsilon, into: normed,
                group: layer.feedForward.group)
            try feedForward(layer.feedForward, rows: sweep.rows, layer: index, progress, trace)
            if trace != nil { show(.feedForwardOutput, index, delta) }
            compute.add(delta, to: residual, rows: sweep.rows)
            if trace != nil { show(.layerOutput, index, residual) }
            progress()
        }
    }

    /// delta = output · attention(rotate(norm(query · x)), rotate(norm(key · x)), value · x), x = normed.
    private func attention(_ weights: Qwen3Model.Attention, _ sweep: Sweep, layer: Int) {
        compute.multiply(normed, projections[layer], rows: sweep.rows)
        compute.prepare(
            queries, keys, values, queryNorm: weights.queryNorm, keyNorm: weights.keyNorm, sweep.attention,
            shape,
            cache: cache, layer: layer)
        compute.attend(queries, sweep.attention, shape, cache: cache, layer: layer, into: attended.floats)
        compute.quantise(
            attended, rows: sweep.rows, inputs: weights.output.inputs, group: weights.output.format.group)
        compute.multiply(
            attended, CollectionOfOne(.init(weights: weights.output, out: delta)), rows: sweep.rows)
    }

    /// delta = feed-forward(normed).
    private func feedForward(
        _ weights: Qwen3Model.FeedForward, rows: Int, layer: Int, _ progress: () -> Void,
        _ trace: TraceObserver?
    ) throws(EngineError) {
        switch weights {
        case .dense(let network):
            guard let dense else { preconditionFailure("no scratch for dense layers") }
            compute.feedForward(
                normed, [network], [Compute.ExpertRows(expert: 0, rows: 0..<rows)], source: nil,
                scratch: dense,
                into: delta, target: nil)
        case .sparse(let router, let experts):
            guard let mixture else { preconditionFailure("no scratch for sparse layers") }
            try mixture.run(
                normed, router,
                .init(weights: experts, layer: layer, supply: supply, observer: routingObserver),
                into: delta,
                rows: rows, compute, progress: progress
            ) { name, values in
                trace?(TraceTensor(name: name, layer: layer, values: values()))
            }
        }
    }

    /// Final norm and output matrix for up to `logitRowsMax` rows of the last sweep; row i of `logits` is
    /// `rows[i]`.
    func computeLogits(of rows: [Int]) {
        precondition(rows.count <= Self.logitRowsMax)
        normaliseFinally(rows)
        compute.multiply(
            finalRows, CollectionOfOne(.init(weights: model.output, out: logits)), rows: rows.count)
    }

    /// The final norm of those rows, for observers.
    func finalNorm(of rows: [Int]) -> [Float] {
        normaliseFinally(rows)
        return finalRows.floats.copy(rows: rows.count)
    }

    private func normaliseFinally(_ rows: [Int]) {
        compute.normalise(
            residual, rowsOf: rows, model.finalNorm, epsilon: c.normEpsilon, into: finalRows,
            group: model.output.format.group)
    }
}
