import CMoedKernels
package import MoedCore
import MoedPacks
package import MoedWeights

extension Qwen3Model {
    /// A model with random weights, made in memory in the kernels' layout: for measuring, not for texts.
    ///
    /// The spreads are chosen such that tokens differ enough for the router to send them to different experts;
    /// with equal spreads everywhere all of them take the same few, and every figure looks better than it is.
    ///
    /// - Parameters:
    ///   - experts: format of the experts.
    ///   - dense: of all other matrices; see `WeightRole`.
    ///   - seed: the same seed gives the same weights.
    /// - Throws: `EngineError(.outOfMemory)`.
    package static func synthetic(
        _ configuration: ModelConfiguration, experts: WeightFormat, dense: WeightFormat, seed: UInt64,
        threads: Int,
        progress: LoadProgress = { _, _ in }
    ) throws(EngineError) -> Qwen3Model {
        let weights = SyntheticWeights(configuration, experts: experts, dense: dense, seed: seed)
        let model = try ModelAssembly(source: weights).model()
        try weights.fill(with: try WorkerPool(threads: threads), progress)
        return model
    }
}

/// Places for random weights, and what goes there.
final class SyntheticWeights: WeightSource {
    let configuration: ModelConfiguration
    private let memory = WeightMemory()
    private let expertFormat: WeightFormat
    private let denseFormat: WeightFormat
    private let seed: UInt64
    private var fillings: [(matrix: PackedMatrix, deviation: Float)] = []

    init(_ configuration: ModelConfiguration, experts: WeightFormat, dense: WeightFormat, seed: UInt64) {
        let (experts, dense) = (experts.made, dense.made)
        self.configuration = configuration
        expertFormat = experts
        denseFormat = dense
        self.seed = seed
    }

    var byteCount: Int { memory.byteCount }

    func matrix(
        _ name: String, _ shape: MatrixShape, _ role: WeightRole
    ) throws(EngineError) -> PackedMatrix {
        let format = role.format(dense: denseFormat)
        let bytes = format.byteCount(outputs: shape.outputs, inputs: shape.inputs)
        let offset = try memory.reserve(bytes, alignment: Pack.matrixAlignment)
        let matrix = PackedMatrix(shape, format, in: memory, at: offset)
        fillings.append((matrix, Self.deviation(of: role)))
        return matrix
    }

    func expert(_ name: String, _ shape: FeedForwardShape) throws(EngineError) -> FeedForwardWeights {
        let layout = ExpertLayout(shape, [expertFormat])
        let offset = try memory.reserve(layout.byteCount, alignment: Pack.matrixAlignment)
        let matrices = PackedMatrix.matrices(of: layout, in: memory, at: offset)
        for matrix in matrices { fillings.append((matrix, Self.deviation(of: .dense))) }
        return FeedForwardWeights(matrices)
    }

    func vector(_ name: String, _ count: Int) throws(EngineError) -> [Float] {
        Array(repeating: 1, count: count)
    }

    /// Large embeddings and a small attention output keep the residual streams of tokens different.
    private static func deviation(of role: WeightRole) -> Float {
        switch role {
        case .embedding: 1.28
        case .attentionOutput: 0.0025
        case .router: 0.05
        case .dense: 0.02
        }
    }

    func fill(with pool: WorkerPool, _ progress: LoadProgress) throws(EngineError) {
        try memory.allocate()
        let work = PartWork(Array(fillings.enumerated()), byteCount: \.element.matrix.byteCount)
        try work.run(on: pool, progress) { (part) throws(EngineError) in
            let (number, (matrix, deviation)) = part
            for panel in 0..<matrix.panels {
                let start = unsafe matrix.start + panel * matrix.panelByteCount
                let key = seed &+ UInt64(number) << 32 &+ UInt64(panel)
                unsafe Self.fill(start, matrix, deviation, key)
            }
        }
    }

    /// Codes of all values alike, under one scale in the middle of its range; unquantised weights have one of the
    /// two exponents next to the deviation wanted, and random signs and fractions.
    private static func fill(
        _ panel: UnsafeMutableRawPointer, _ matrix: PackedMatrix, _ deviation: Float, _ seed: UInt64
    ) {
        let everywhere: UInt64 = 0x0001_0001_0001_0001
        guard let group = matrix.format.quantGroup else {
            // 1.53 is the root mean square of fractions in 1..<2.
            let exponent = UInt64((deviation / 1.53).exponent + 127)
            if matrix.format == .bf16 {
                let bits = (exponent << 7) * everywhere
                unsafe moed_fill_random(panel, matrix.panelByteCount, seed, 0x807F * everywhere, bits)
            } else {
                let bits = (exponent << 23) * 0x1_0000_0001
                unsafe moed_fill_random(panel, matrix.panelByteCount, seed, 0x807F_FFFF_807F_FFFF, bits)
            }
            return
        }
        // Odd codes only: code 0 does not occur in int8. Nibbles may have any value.
        let bits: UInt64 = matrix.format.bits == 8 ? 0x0101 * everywhere : 0
        let codeDeviation: Float = matrix.format.bits == 8 ? 73.9 : 4.61
        let scale: UInt8 = 128
        // Minus half of the largest code.
        let minimum = -Int8(Int(scale) * 15 / 2 / Int(MOED_MINIMUM_UNITS))
        let width = WeightFormat.panelOutputs
        let units = unsafe panel.assumingMemoryBound(to: Float.self)
        for row in 0..<width { unsafe units[row] = deviation / codeDeviation / Float(scale) }
        for index in 0..<(matrix.inputs + group - 1) / group {
            let place = moed_group_at(Int32(matrix.format.bits), matrix.inputs, group, index)
            let codeBytes = group * width * matrix.format.bits / 8
            unsafe moed_fill_random(panel + place.codes, codeBytes, seed &+ UInt64(index) << 48, .max, bits)
            let numbers = unsafe (panel + place.scales).assumingMemoryBound(to: UInt8.self)
            for row in 0..<width {
                unsafe numbers[row] = scale
                if matrix.format.bits == 4 { unsafe numbers[width + row] = UInt8(bitPattern: minimum) }
            }
        }
    }
}
