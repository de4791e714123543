import MoedCore
import MoedWeights

/// Factors of experts that PEFT holds together (`target_parameters`): A has a block of rows for each expert, B the
/// columns of all experts by turns: column k · experts + e.
///
/// PEFT up to 0.18 reads the fused weight as [experts, inputs, outputs], newer ones as [experts, outputs, inputs]. The
/// sizes tell which, and also which of the two fused weights it is.
struct FusedFactors {
    /// The weight that the factors change, in one of the two readings.
    private struct Reading: Equatable {
        /// True for gate and up, false for down.
        var isGateUp: Bool
        /// True for PEFT up to 0.18.
        var isTransposed: Bool
    }

    private let layer: String
    private let a: any RowSource
    private let b: any RowSource
    private let experts: Int
    private let network: FeedForwardShape
    private let reading: Reading
    private let rank: Int
    private let scale: Float

    /// - Throws: `EngineError(.badCheckpoint)` when the sizes fit no weight of the model, or more than one.
    init(
        _ module: String, _ pair: AdapterPairs.Pair, _ fit: AdapterFit, _ configuration: AdapterConfiguration
    ) throws(EngineError) {
        layer = module.hasSuffix(".base_layer") ? String(module.dropLast(".base_layer".count)) : module
        (a, b) = (try fit.files.matrix(pair.a), try fit.files.matrix(pair.b))
        experts = fit.model.shape.expertsPerLayer
        guard let network = fit.model.shape.expert, Self.isSparse(layer, fit.model.shape) else {
            throw fit.otherBase(pair.a, "changes \(layer), which the model has not")
        }
        self.network = network
        let sizes = MatrixShape(b.shape.outputs, a.shape.inputs)
        var readings = Self.readings(sizes, network)
        if readings.count > 1, let isTransposed = configuration.readsExpertsTransposed {
            readings.removeAll { $0.isTransposed != isTransposed }
        }
        guard let reading = readings.first else {
            throw fit.otherBase(
                pair.a, "changes experts of \(sizes.outputs) × \(sizes.inputs), and the model's have width "
                    + "\(network.intermediate) and hidden size \(network.hidden)")
        }
        guard readings.count == 1 else {
            throw EngineError(
                .unsupportedModel, fit.files.error(
                    pair.a, "may be transposed or not, and the sizes do not tell: merge the adapter with PEFT").message)
        }
        self.reading = reading
        guard a.shape.outputs % experts == 0, a.shape.outputs == b.shape.inputs else {
            throw a.error(
                "has \(a.shape.outputs) rows, and its lora_B \(b.shape.inputs) columns, for \(experts) experts")
        }
        rank = a.shape.outputs / experts
        scale = configuration.scale(of: "\(layer).\(reading.isGateUp ? "gate_up_proj" : "down_proj")", rank: rank)
    }

    private static func isSparse(_ module: String, _ shape: ModelShape) -> Bool {
        shape.sparseIndex.indices.contains {
            shape.sparseIndex[$0] != nil && module == "model.layers.\($0).mlp.experts"
        }
    }

    private static func readings(_ sizes: MatrixShape, _ network: FeedForwardShape) -> [Reading] {
        var readings: [Reading] = []
        let pairs = [(true, MatrixShape(2 * network.intermediate, network.hidden)),
            (false, MatrixShape(network.hidden, network.intermediate))]
        for (isGateUp, shape) in pairs {
            if sizes == shape { readings.append(Reading(isGateUp: isGateUp, isTransposed: false)) }
            if sizes == MatrixShape(shape.inputs, shape.outputs) {
                readings.append(Reading(isGateUp: isGateUp, isTransposed: true))
            }
        }
        return readings
    }

    /// The factors of each expert's matrices, by name.
    func all() -> [String: LowRankFactors] {
        var all: [String: LowRankFactors] = [:]
        for expert in 0..<experts {
            for (index, matrix) in network.matrices.enumerated() where (index < 2) == reading.isGateUp {
                let first = reading.isGateUp ? index * network.intermediate : 0
                let outputs = first..<first + matrix.shape.outputs
                all["\(layer).\(expert).\(matrix.name)"] = factors(expert, matrix.shape, outputs)
            }
        }
        return all
    }

    /// - Parameter outputs: the matrix's rows of the fused weight.
    private func factors(_ expert: Int, _ shape: MatrixShape, _ outputs: Range<Int>) -> LowRankFactors {
        let block = expert * rank..<(expert + 1) * rank
        let (down, up): (FactorPart, FactorPart)
        if reading.isTransposed {
            down = FactorPart(
                b, rows: 0..<shape.inputs, firstColumn: expert, columnStep: experts, columns: rank, isTransposed: true)
            up = FactorPart(
                a, rows: block, firstColumn: outputs.lowerBound, columns: outputs.count, isTransposed: true)
        } else {
            down = FactorPart(a, rows: block, columns: shape.inputs)
            up = FactorPart(b, rows: outputs, firstColumn: expert, columnStep: experts, columns: rank)
        }
        return LowRankFactors(shape: shape, rank: rank, scale: scale, a: down, b: up)
    }
}
