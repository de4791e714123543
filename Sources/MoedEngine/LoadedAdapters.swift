import CMoedKernels
package import MoedAdapters
package import MoedCore
import MoedWeights
import Synchronization

/// Products of a layer that share an input; adapters change each such set at once.
enum AdaptedPart: Int, CaseIterable {
    case attentionInput, attentionOutput, feedForwardInput, feedForwardOutput

    /// The changed matrices, in the order of `LowRankProducts.Up.output`.
    fileprivate var matrices: [String] {
        switch self {
        case .attentionInput: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
        case .attentionOutput: ["self_attn.o_proj"]
        case .feedForwardInput: ["mlp.gate_proj", "mlp.up_proj"]
        case .feedForwardOutput: ["mlp.down_proj"]
        }
    }
}

/// An adapter in memory, beside its base. Sequences hold theirs, so that one that is removed lives until they end.
package final class LoadedAdapter: Sendable {
    private static let loaded = Atomic<Int>(0)

    package let name: String
    /// Differs from that of every other adapter that this process has loaded.
    let number: Int
    /// `[layer][part]`; nil where nothing is added.
    private let products: [[LowRankProducts?]]
    package let byteCount: Int
    /// Largest number of ranks that one input is multiplied with.
    let ranksMax: Int

    /// Reads all factors.
    ///
    /// - Throws: `EngineError` naming file, tensor and reason; `(.unsupportedModel)` for changes that are not added at
    ///   run time.
    package init(_ one: NamedAdapter, layers count: Int) throws(EngineError) {
        try Self.check(one, layers: count)
        let panels = FactorPanels()
        var layers: [[LowRankProducts?]] = []
        for layer in 0..<count {
            var parts: [LowRankProducts?] = []
            for part in AdaptedPart.allCases {
                let factors = part.matrices.map { one.adapter.factors["model.layers.\(layer).\($0)"] }
                parts.append(try Self.products(factors, panels))
            }
            layers.append(parts)
        }
        try panels.fill()
        name = one.name
        number = Self.loaded.add(1, ordering: .relaxed).newValue
        products = layers
        byteCount = panels.memory.byteCount
        ranksMax = layers.joined().compactMap { $0?.down.outputs }.max() ?? 0
    }

    /// Name for openings of sequences when two adapters of one name are in memory.
    package var key: String { "\u{0}\(number)" }

    func products(layer: Int, _ part: AdaptedPart) -> LowRankProducts? { products[layer][part.rawValue] }

    private static func check(_ one: NamedAdapter, layers: Int) throws(EngineError) {
        let known = Set(
            (0..<layers).flatMap { layer in
                AdaptedPart.allCases.flatMap(\.matrices).map { "model.layers.\(layer).\($0)" }
            })
        let path = one.adapter.path
        guard let other = one.adapter.factors.keys.sorted().first(where: { !known.contains($0) }) else { return }
        throw EngineError(
            .unsupportedModel,
            "\(path): the adapter changes \(other), and at run time only attention and dense feed-forward layers can "
                + "be changed: merge it into a pack (moed pack MODEL PACK --adapter \(path))")
    }

    private static func products(
        _ factors: [LowRankFactors?], _ panels: FactorPanels
    ) throws(EngineError) -> LowRankProducts? {
        let present = factors.compactMap(\.self)
        guard let first = present.first else { return nil }
        let ranks = present.reduce(0) { $0 + $1.rank }
        let down = try panels.add(MatrixShape(ranks, first.shape.inputs)) { () throws(EngineError) in
            var values: [Float] = []
            for one in present { values += try one.down() }
            return values
        }
        var ups: [LowRankProducts.Up] = []
        var column = 0
        for (output, one) in factors.enumerated() {
            guard let one else { continue }
            let factor = try panels.add(MatrixShape(one.shape.outputs, one.rank), one.up)
            ups.append(.init(output: output, factor: factor, column: column))
            column += one.rank
        }
        return LowRankProducts(down: down, ups: ups)
    }
}

/// Factors of one adapter as panels, side by side in memory.
private final class FactorPanels {
    let memory = WeightMemory()
    private var reads: [(matrix: PackedMatrix, values: () throws(EngineError) -> [Float])] = []

    /// Plans a matrix; `fill` reads its values.
    func add(
        _ shape: MatrixShape, _ values: @escaping () throws(EngineError) -> [Float]
    ) throws(EngineError) -> PackedMatrix {
        let byteCount = WeightFormat.f32.byteCount(outputs: shape.outputs, inputs: shape.inputs)
        let matrix = PackedMatrix(shape, .f32, in: memory, at: try memory.reserve(byteCount, alignment: 64))
        reads.append((matrix, values))
        return matrix
    }

    func fill() throws(EngineError) {
        try memory.allocate()
        for (matrix, read) in reads {
            let values = try read()
            for panel in 0..<matrix.panels {
                let rows = matrix.rows(of: panel..<panel + 1)
                unsafe values.withUnsafeBufferPointer { buffer in
                    guard let base = buffer.baseAddress else { return }
                    let target = unsafe matrix.start + panel * matrix.panelByteCount
                    _ = unsafe moed_pack_f32(
                        target.assumingMemoryBound(to: Float.self), base + rows.lowerBound * matrix.inputs, rows.count,
                        matrix.inputs)
                }
            }
        }
    }
}
