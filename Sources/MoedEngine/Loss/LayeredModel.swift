import MoedAdapters
import MoedCore
import MoedHost
import MoedWeights

/// A checkpoint in some formats that computes texts layer by layer: one layer's weights are in memory at a time, beside
/// the embedding and the output matrix.
final class LayeredModel {
    /// Formats and adapters of the weights.
    struct Making {
        let checkpoint: Checkpoint
        let adapters: [Adapter]
        let experts: WeightFormat
        let dense: WeightFormat

        /// As an engine of the whole model has it.
        var kvFormat: KVFormat {
            let hasExperts = checkpoint.configuration.shape.sparseLayers > 0
            return dense.quantGroup != nil || hasExperts && experts.quantGroup != nil ? .f16 : .f32
        }

        var weights: CheckpointWeights {
            CheckpointWeights(checkpoint, experts: experts, dense: dense, adapters: adapters)
        }
    }

    private let making: Making
    private let texts: [[TokenID]]
    private let compute: Compute
    private let ends: Qwen3Model
    private let output: ForwardPass
    /// Residual rows of each text after the last layer that was computed.
    private var states: [[Float]] = []
    /// Bytes of the weights so far, their errors, and bytes of the checkpoint that they were made of.
    private(set) var byteCount = 0
    private(set) var errors = PanelMaker.ErrorSums()
    private var doneBytes = 0

    /// Makes the embedding and the output matrix, and looks the texts' tokens up.
    ///
    /// - Parameter progress: bytes of the checkpoint so far.
    init(
        _ making: Making, _ texts: [[TokenID]], _ compute: Compute, progress: (Int) -> Void
    ) throws(EngineError) {
        (self.making, self.texts, self.compute) = (making, texts, compute)
        let weights = making.weights
        ends = try ModelAssembly(source: weights).model(layers: 0..<0)
        errors = try weights.loadMeasuring(with: compute.pool) { done, _ in progress(done) }
        byteCount = weights.byteCount
        output = try Self.pass(ends, compute, rows: max(1, texts.map(\.count).max() ?? 1), kv: making.kvFormat)
        for text in texts {
            try output.run(Self.sweep(text)) {}
            states.append(output.states(rows: text.count))
        }
        doneBytes = weights.sourceByteCount
    }

    private static func pass(
        _ model: Qwen3Model, _ compute: Compute, rows: Int, kv: KVFormat
    ) throws(EngineError) -> ForwardPass {
        try ForwardPass(model, compute, rowsMax: rows, kvBlocks: KVCache.blocks(for: rows), kvFormat: kv)
    }

    private static func sweep(_ text: [TokenID]) -> Sweep {
        var sweep = Sweep()
        sweep.append(text, at: 0, blocks: (0..<KVCache.blocks(for: text.count)).map { UInt32($0) })
        return sweep
    }

    /// Makes the next layer's weights, and takes all texts through them.
    func advance(layer: Int, progress: (Int) -> Void) throws(EngineError) {
        let weights = making.weights
        let model = try ModelAssembly(source: weights).model(ofLayer: layer, between: ends)
        errors.add(try weights.loadMeasuring(with: compute.pool) { done, _ in progress(doneBytes + done) })
        byteCount += weights.byteCount
        doneBytes += weights.sourceByteCount
        let pass = try Self.pass(model, compute, rows: texts.map(\.count).max() ?? 1, kv: making.kvFormat)
        for (index, text) in texts.enumerated() {
            try pass.run(Self.sweep(text), from: states[index]) {}
            states[index] = pass.states(rows: text.count)
        }
    }

    /// The logits of some rows of a text, which `body` reads before the next call.
    func withLogits<R>(_ text: Int, _ rows: Range<Int>, _ body: (RowBuffer<Float>) -> R) -> R {
        let columns = ends.configuration.hidden
        output.computeLogits(of: Array(states[text][rows.lowerBound * columns..<rows.upperBound * columns]))
        return body(output.logits)
    }
}

extension CheckpointWeights {
    /// Bytes of the checkpoint that the matrices are made of.
    fileprivate var sourceByteCount: Int { parts.reduce(0) { $0 + $1.sourceByteCount } }
}
