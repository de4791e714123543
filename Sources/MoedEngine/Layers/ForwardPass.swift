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
    private let heads: Compute.AttentionInput
    /// Queries, keys and values of each layer, products of one input.
    private let projections: [[Compute.Product]]
    private let attended: ActivationRows
    private let shape: Compute.AttentionShape
    private let dense: Compute.Intermediate?
    private let mixture: MixtureOfExperts?
    private let adapters: AdapterPass
    private let finalRows: ActivationRows
    /// `[logitRowsMax, vocabulary]`, written by `computeLogits`.
    let logits: RowBuffer<Float>
    /// Source of experts; nil when all of them are in memory from the start.
    let source: (any ExpertSource)?
    var routingObserver: RoutingObserver?
    var traceObserver: TraceObserver?

    init(
        _ model: Qwen3Model, _ compute: Compute, rowsMax: Int, kvBlocks: Int, kvFormat: KVFormat,
        source: (any ExpertSource)? = nil
    ) throws(EngineError) {
        self.source = source
        let c = model.configuration
        let sizes = c.shape
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
        heads = Compute.AttentionInput(
            queries: try rows(sizes.attention.queryWidth, "queries"),
            keys: try rows(sizes.attention.keyValueWidth, "keys"),
            values: try rows(sizes.attention.keyValueWidth, "values"))
        projections = model.layers.map { [heads] in
            [
                .init(weights: $0.attention.query, out: heads.queries),
                .init(weights: $0.attention.key, out: heads.keys),
                .init(weights: $0.attention.value, out: heads.values),
            ]
        }
        attended = try activations(sizes.attention.queryWidth, "attention outputs")
        shape = Compute.AttentionShape(
            heads: c.heads, keyValueHeads: c.keyValueHeads, headDim: c.headDim, epsilon: c.normEpsilon,
            cosine: try rows(c.headDim / 2, "rotations"), sine: try rows(c.headDim / 2, "rotations"),
            blockTable: try RowBuffer(rows: 1, columns: kvBlocks, purpose: "the block table"))
        dense =
            sizes.denseLayers > 0
            ? Compute.Intermediate(
                gate: try activations(c.intermediate, "feed-forward activations"),
                up: try rows(c.intermediate, "feed-forward activations"))
            : nil
        mixture = try c.experts.map { experts throws(EngineError) in
            try MixtureOfExperts(experts, hidden: c.hidden, rowsMax: rowsMax, quantised: model.isQuantised, compute)
        }
        adapters = try AdapterPass(model.adapters, rowsMax: rowsMax, compute)
        finalRows = try ActivationRows(
            rows: Self.logitRowsMax, columns: c.hidden, quantised: model.isQuantised,
            purpose: "final activations")
        logits = try RowBuffer(rows: Self.logitRowsMax, columns: c.vocabulary, purpose: "logits")
    }

    /// Scratch memory, the KV cache not counted.
    var scratchByteCount: Int {
        [residual, delta, logits].reduce(shape.byteCount + heads.byteCount) { $0 + $1.byteCount }
            + [normed, attended, finalRows].reduce(0) { $0 + $1.byteCount }
            + (dense?.byteCount ?? 0) + (mixture?.byteCount ?? 0) + adapters.byteCount
    }

    /// Appends the sweep's tokens to their sequences' caches and leaves their final residual rows for
    /// `computeLogits`.
    ///
    /// - Parameters:
    ///   - states: residual rows that the first layer reads; nil takes the tokens' embeddings.
    ///   - progress: called once per layer, and between groups of streamed experts.
    /// - Throws: `EngineError(.io)` when an expert cannot be read, `(.interrupted)`. The caches of the sweep's
    ///   sequences are as they were up to the tokens that they had.
    func run(_ sweep: Sweep, from states: [Float]? = nil, progress: () -> Void) throws(EngineError) {
        for (index, block) in sweep.blocks.enumerated() { shape.blockTable[0, index] = block }
        compute.rotations(
            of: sweep.positions, model.inverseFrequencies, factor: c.rotary.attentionFactor, shape)
        if let states { residual.write(states) } else { compute.embed(sweep.tokens, model.embedding, into: residual) }
        try adapters.begin(sweep)
        let allRows = Array(0..<sweep.rows)
        show(.embedding, nil, residual, rows: sweep.rows)

        for (index, layer) in model.layers.enumerated() {
            compute.normalise(
                residual, rowsOf: allRows, layer.attentionNorm, epsilon: c.normEpsilon, into: normed,
                quantGroup: layer.attention.quantGroup)
            attention(layer.attention, sweep, layer: index)
            show(.attentionOutput, index, delta, rows: sweep.rows)
            compute.add(delta, to: residual, rows: sweep.rows)

            compute.normalise(
                residual, rowsOf: allRows, layer.feedForwardNorm, epsilon: c.normEpsilon, into: normed,
                quantGroup: layer.feedForward.quantGroup)
            try feedForward(layer.feedForward, rows: sweep.rows, layer: index, progress)
            show(.feedForwardOutput, index, delta, rows: sweep.rows)
            compute.add(delta, to: residual, rows: sweep.rows)
            show(.layerOutput, index, residual, rows: sweep.rows)
            progress()
        }
    }

    private func show(_ name: TraceTensor.Name, _ layer: Int?, _ buffer: RowBuffer<Float>, rows: Int) {
        guard let traceObserver else { return }
        traceObserver(TraceTensor(name: name, layer: layer, values: buffer.copy(rows: rows)))
    }

    /// delta = output · attention(rotate(norm(query · x)), rotate(norm(key · x)), value · x), x = normed.
    private func attention(_ weights: Qwen3Model.Attention, _ sweep: Sweep, layer: Int) {
        compute.multiply(normed, projections[layer], rows: sweep.rows)
        adapters.add(
            .attentionInput, layer: layer, of: normed.floats, to: [heads.queries, heads.keys, heads.values])
        let kv = Compute.KVLayer(cache: cache, layer: layer)
        compute.prepare(
            heads, norms: (weights.queryNorm, weights.keyNorm), sweep.attention, shape, in: kv)
        compute.attend(heads.queries, sweep.attention, shape, in: kv, into: attended.floats)
        compute.quantise(
            attended, rows: sweep.rows, inputs: weights.output.inputs,
            quantGroup: weights.output.format.quantGroup)
        compute.multiply(attended, weights.output, into: delta, rows: sweep.rows)
        adapters.add(.attentionOutput, layer: layer, of: attended.floats, to: [delta])
    }

    /// delta = feed-forward(normed).
    private func feedForward(
        _ weights: Qwen3Model.FeedForward, rows: Int, layer: Int, _ progress: () -> Void
    ) throws(EngineError) {
        switch weights {
        case .dense(let network):
            guard let dense else { preconditionFailure("no scratch for dense layers") }
            if adapters.changesFeedForward(layer: layer) {
                return adaptedFeedForward(network, dense, adapters, rows: rows, layer: layer)
            }
            compute.feedForward(
                normed, [network], [Compute.ExpertRows(expert: 0, rows: 0..<rows)], .straight, scratch: dense,
                into: delta)
        case .sparse(let router, let experts):
            guard let mixture else { preconditionFailure("no scratch for sparse layers") }
            let networks = MixtureOfExperts.Networks(
                router: router, experts: experts, layer: layer, source: source, observer: routingObserver)
            try mixture.run(normed, networks, into: delta, rows: rows, progress: progress) { name, values in
                traceObserver?(TraceTensor(name: name, layer: layer, values: values()))
            }
        }
    }

    /// The same in steps, between which adapters' changes are added. Rows without an adapter get the same bits.
    private func adaptedFeedForward(
        _ network: FeedForwardWeights, _ scratch: Compute.Intermediate, _ adapters: AdapterPass, rows: Int, layer: Int
    ) {
        let inputs = [
            Compute.Product(weights: network.gate, out: scratch.gate.floats),
            Compute.Product(weights: network.up, out: scratch.up),
        ]
        compute.multiply(normed, inputs, rows: rows)
        adapters.add(.feedForwardInput, layer: layer, of: normed.floats, to: inputs.map(\.out))
        compute.activate(scratch, for: network.down, rows: rows)
        compute.multiply(scratch.gate, network.down, into: delta, rows: rows)
        adapters.add(.feedForwardOutput, layer: layer, of: scratch.gate.floats, to: [delta])
    }

    /// The residual rows of the last sweep.
    func states(rows: Int) -> [Float] { residual.copy(rows: rows) }

    /// Final norm and output matrix for other residual rows, up to `logitRowsMax`.
    func computeLogits(of states: [Float]) {
        residual.write(states)
        computeLogits(of: Array(0..<states.count / c.hidden))
    }

    /// A row of the last sweep after the final norm.
    func finalState(of row: Int) -> [Float] {
        compute.normalise(
            residual, rowsOf: [row], model.finalNorm, epsilon: c.normEpsilon, into: finalRows, quantGroup: nil)
        return (0..<c.hidden).map { finalRows.floats[0, $0] }
    }

    /// Final norm and output matrix for up to `logitRowsMax` rows of the last sweep; row i of `logits` is
    /// `rows[i]`.
    func computeLogits(of rows: [Int]) {
        precondition(rows.count <= Self.logitRowsMax)
        compute.normalise(
            residual, rowsOf: rows, model.finalNorm, epsilon: c.normEpsilon, into: finalRows,
            quantGroup: model.output.format.quantGroup)
        show(.finalNorm, nil, finalRows.floats, rows: rows.count)
        compute.multiply(finalRows, model.output, into: logits, rows: rows.count)
    }
}
