import Glibc
package import MoedAdapters
package import MoedCore
package import MoedHost
import MoedSampling
package import MoedWeights

/// Losses of a checkpoint in some formats: errors of weights, and the divergence of its predictions from those of the
/// unquantised weights (bf16 as stored; f32 of a quantised checkpoint).
///
/// All formats go through the model side by side, a layer at a time, so that no model has to fit into memory.
package struct LossMeasure {
    package struct Formats: Sendable, Equatable {
        package let experts: WeightFormat
        package let dense: WeightFormat

        package init(experts: WeightFormat, dense: WeightFormat) {
            self.experts = experts
            self.dense = dense
        }
    }

    package struct Loss: Sendable, Equatable {
        /// Bytes of the weights, norms not counted.
        package let byteCount: Int
        /// √(Σ (weight − packed)² / Σ weight²) over all matrices.
        package let relativeError: Double
        /// Mean over the positions of Σ p (ln p − ln q), where p is the unquantised model's.
        package let divergence: Double
        /// Share of positions whose most probable token is the same.
        package let sameBest: Double
    }

    private let checkpoint: Checkpoint
    private let adapters: [Adapter]
    private let texts: [[TokenID]]
    private let vocabulary: Int

    /// - Parameters:
    ///   - adapters: merged into all weights.
    ///   - texts: each is predicted from its own beginning; none of them is empty.
    ///   - vocabulary: ids from here on have no probability.
    /// - Throws: `EngineError(.invalidInput)` for a token that the model has no embedding of.
    package init(
        _ checkpoint: Checkpoint, adapters: [Adapter] = [], texts: [[TokenID]], vocabulary: Int
    ) throws(EngineError) {
        self.checkpoint = checkpoint
        self.adapters = adapters
        self.texts = texts.filter { !$0.isEmpty }
        self.vocabulary = min(vocabulary, checkpoint.configuration.vocabulary)
        for token in texts.joined() where !(0..<checkpoint.configuration.vocabulary).contains(Int(token)) {
            throw EngineError(.invalidInput, "the text has token \(token), and the model no embedding of it")
        }
    }

    /// - Parameters:
    ///   - interruption: ends the work between two layers.
    ///   - progress: bytes of the checkpoint read so far and in all, every format's counted.
    /// - Returns: the loss in each of the formats.
    /// - Throws: `EngineError` for weights that cannot be read or packed, `(.outOfMemory)`, `(.interrupted)`.
    package func losses(
        in formats: [Formats], threads: Int, interruption: Interruption? = nil,
        progress: LoadProgress = { _, _ in }
    ) throws(EngineError) -> [Loss] {
        let compute = Compute(kernels: try KernelSet(named: nil), pool: try WorkerPool(threads: threads))
        let exact = Formats(experts: .bf16, dense: .bf16)
        let all = [exact] + formats
        let total = checkpoint.byteCount * all.count
        var read = [Int](repeating: 0, count: all.count)
        var models: [LayeredModel] = []
        for (index, one) in all.enumerated() {
            let making = LayeredModel.Making(
                checkpoint: checkpoint, adapters: adapters, experts: one.experts, dense: one.dense)
            models.append(
                try LayeredModel(making, texts, compute) {
                    read[index] = $0
                    progress(min(read.reduce(0, +), total), total)
                })
        }
        for layer in 0..<checkpoint.configuration.layers {
            for (index, model) in models.enumerated() {
                if interruption?.isWanted == true { throw EngineError(.interrupted, "measuring was interrupted") }
                try model.advance(layer: layer) {
                    read[index] = $0
                    progress(min(read.reduce(0, +), total), total)
                }
            }
        }
        let losses = compare(models[0], Array(models.dropFirst()), compute)
        progress(total, total)
        return losses
    }

    private func compare(_ exact: LayeredModel, _ others: [LayeredModel], _ compute: Compute) -> [Loss] {
        var sums = others.map { _ in (divergence: 0.0, same: 0, rows: 0) }
        for (text, tokens) in texts.enumerated() {
            for start in stride(from: 0, to: tokens.count, by: ForwardPass.logitRowsMax) {
                let rows = start..<min(start + ForwardPass.logitRowsMax, tokens.count)
                let expected = exact.withLogits(text, rows) { predictions($0, rows.count, compute) }
                for (index, other) in others.enumerated() {
                    let found = other.withLogits(text, rows) { predictions($0, rows.count, compute) }
                    let parts = compute.pool.map(rows.count) { expected[$0].divergence(of: found[$0]) }
                    sums[index].divergence += parts.reduce(0, +)
                    sums[index].same += rows.indices.count { expected[$0 - start].best == found[$0 - start].best }
                    sums[index].rows += rows.count
                }
            }
        }
        return zip(others, sums).map { model, sum in
            let errors = model.errors
            return Loss(
                byteCount: model.byteCount,
                relativeError: errors.weights > 0 ? (errors.error / errors.weights).squareRoot() : 0,
                divergence: sum.rows > 0 ? sum.divergence / Double(sum.rows) : 0,
                sameBest: sum.rows > 0 ? Double(sum.same) / Double(sum.rows) : 1)
        }
    }

    private func predictions(_ logits: RowBuffer<Float>, _ rows: Int, _ compute: Compute) -> [Prediction] {
        compute.pool.map(rows) { row in
            logits.withRow(row, first: vocabulary) { span in Prediction(span.indices.map { span[$0] }) }
        }
    }
}

/// The probabilities of all tokens at one place.
private struct Prediction {
    let logits: [Float]
    /// Most probable token.
    let best: Int
    /// ln Σ exp(logit).
    let normaliser: Double

    init(_ logits: [Float]) {
        self.logits = logits
        var best = 0
        for index in logits.indices where logits[index] > logits[best] { best = index }
        let most = Double(logits[best])
        var sum = 0.0
        for logit in logits { sum += PortableMath.exponential(Double(logit) - most) }
        self.best = best
        normaliser = most + log(sum)
    }

    /// Σ p (ln p − ln q), where p is this one's.
    func divergence(of other: Prediction) -> Double {
        var sum = 0.0
        for index in logits.indices {
            let own = Double(logits[index]) - normaliser
            sum += PortableMath.exponential(min(own, 0)) * (own - (Double(other.logits[index]) - other.normaliser))
        }
        return sum
    }
}
