import CMoedKernels
package import MoedCore
package import MoedWeights

extension Qwen3Model {
    /// Reads a checkpoint's weights into memory, in the kernels' layout.
    ///
    /// - Parameter progress: called now and then with the bytes read so far and those to read, on the calling
    ///   thread.
    /// - Throws: `EngineError` naming file, tensor and reason: missing or misshapen tensors, a file that ends
    ///   early, weights that are infinite or not a number; or when there is not enough memory.
    package static func load(
        _ checkpoint: Checkpoint, threads: Int,
        progress: (_ loadedBytes: Int, _ totalBytes: Int) -> Void = { _, _ in }
    ) throws(EngineError) -> Qwen3Model {
        let pool = try WorkerPool(threads: threads)
        let loader = ModelLoader(checkpoint)
        let model = try loader.model()
        try loader.load(with: pool, progress)
        return model
    }

    /// Memory that a checkpoint's weights will occupy when loaded; reads its headers and norms only.
    package static func weightByteCount(of checkpoint: Checkpoint) throws(EngineError) -> Int {
        try ModelLoader(checkpoint).model().weightByteCount
    }
}

/// Lays out the model's weights, then fills them in.
private final class ModelLoader {
    private let checkpoint: Checkpoint
    private let configuration: ModelConfiguration
    private let memory = WeightMemory()
    private var pieces: [Piece] = []

    /// Whole panels of one matrix, to be read and packed in one go.
    private struct Piece {
        var entry: TensorEntry
        var matrix: PackedMatrix
        var panels: Range<Int>
        var byteCount: Int
    }

    /// Large enough for the disk, small enough that all threads' buffers together are no burden.
    private static let pieceBytes = 4 << 20

    init(_ checkpoint: Checkpoint) {
        self.checkpoint = checkpoint
        configuration = checkpoint.configuration
    }

    func model() throws(EngineError) -> Qwen3Model {
        let c = configuration
        let embedding = try matrix("model.embed_tokens", c.vocabulary, c.hidden)
        let output = c.tiedEmbeddings ? embedding : try matrix("lm_head", c.vocabulary, c.hidden)
        var layers: [Qwen3Model.Layer] = []
        for layer in 0..<c.layers { layers.append(try self.layer(layer)) }
        return Qwen3Model(
            configuration: c, embedding: embedding, layers: layers,
            finalNorm: try vector("model.norm", c.hidden),
            output: output, inverseFrequencies: c.rotary.inverseFrequencies(headDim: c.headDim))
    }

    private func layer(_ layer: Int) throws(EngineError) -> Qwen3Model.Layer {
        let c = configuration
        let name = "model.layers.\(layer)"
        let attention = Qwen3Model.Attention(
            query: try matrix("\(name).self_attn.q_proj", c.heads * c.headDim, c.hidden),
            key: try matrix("\(name).self_attn.k_proj", c.keyValueHeads * c.headDim, c.hidden),
            value: try matrix("\(name).self_attn.v_proj", c.keyValueHeads * c.headDim, c.hidden),
            output: try matrix("\(name).self_attn.o_proj", c.hidden, c.heads * c.headDim),
            queryNorm: try vector("\(name).self_attn.q_norm", c.headDim),
            keyNorm: try vector("\(name).self_attn.k_norm", c.headDim))
        return Qwen3Model.Layer(
            attentionNorm: try vector("\(name).input_layernorm", c.hidden), attention: attention,
            feedForwardNorm: try vector("\(name).post_attention_layernorm", c.hidden),
            feedForward: try feedForward("\(name).mlp", layer))
    }

    private func feedForward(_ name: String, _ layer: Int) throws(EngineError) -> Qwen3Model.FeedForward {
        let c = configuration
        guard let experts = c.experts, c.isSparse(layer: layer) else {
            return .dense(try network(name, c.intermediate))
        }
        let router = try matrix("\(name).gate", experts.count, c.hidden)
        var networks: [FeedForwardWeights] = []
        for expert in 0..<experts.count {
            networks.append(try network("\(name).experts.\(expert)", experts.intermediate))
        }
        return .sparse(router: router, experts: networks)
    }

    private func network(_ name: String, _ intermediate: Int) throws(EngineError) -> FeedForwardWeights {
        let hidden = configuration.hidden
        return FeedForwardWeights(
            gate: try matrix("\(name).gate_proj", intermediate, hidden),
            up: try matrix("\(name).up_proj", intermediate, hidden),
            down: try matrix("\(name).down_proj", hidden, intermediate))
    }

    /// Reserves room for `name.weight` `[outputs, inputs]` and notes what to read.
    private func matrix(_ name: String, _ outputs: Int, _ inputs: Int) throws(EngineError) -> PackedMatrix {
        let entry = try checkpoint.weight("\(name).weight", shape: [outputs, inputs])
        let format: PackedMatrix.Format = entry.type == .bf16 ? .bf16 : .f32
        let empty = PackedMatrix(outputs: outputs, inputs: inputs, format: format, memory: memory, offset: 0)
        let matrix = PackedMatrix(
            outputs: outputs, inputs: inputs, format: format, memory: memory,
            offset: try memory.reserve(empty.byteCount))
        let rowBytes = inputs * entry.type.byteCount
        let step = max(1, Self.pieceBytes / (rowBytes * PackedMatrix.panelOutputs))
        for start in stride(from: 0, to: matrix.panels, by: step) {
            let panels = start..<min(start + step, matrix.panels)
            let rows =
                min(panels.upperBound * PackedMatrix.panelOutputs, outputs) - start
                * PackedMatrix.panelOutputs
            pieces.append(Piece(entry: entry, matrix: matrix, panels: panels, byteCount: rows * rowBytes))
        }
        return matrix
    }

    /// Reads `name.weight` `[count]` at once: norms are small.
    private func vector(_ name: String, _ count: Int) throws(EngineError) -> [Float] {
        let entry = try checkpoint.weight("\(name).weight", shape: [count])
        var bytes = [UInt8](repeating: 0, count: entry.byteCount)
        try checkpoint.read(entry, bytes: 0..<entry.byteCount, into: &bytes)
        let values = (0..<count).map { Self.value(bytes, $0, entry.type) }
        guard values.allSatisfy(\.isFinite) else {
            throw checkpoint.error(entry, "has a value that is infinite or not a number")
        }
        return values
    }

    /// Little-endian element `index` of a weight type.
    private static func value(_ bytes: [UInt8], _ index: Int, _ type: ElementType) -> Float {
        let size = type.byteCount
        let bits = (0..<size).reduce(UInt32(0)) { $0 | UInt32(bytes[index * size + $1]) << UInt32(8 * $1) }
        return switch type {
        case .bf16: Float(bitPattern: bits << 16)
        case .f16: Float(Float16(bitPattern: UInt16(bits)))
        default: Float(bitPattern: bits)
        }
    }

    /// Reads and packs all matrices, in the order of the files' bytes.
    func load(with pool: WorkerPool, _ progress: (Int, Int) -> Void) throws(EngineError) {
        try memory.allocate()
        let total = pieces.reduce(0) { $0 + $1.byteCount }
        let batch = max(16, pool.threads * 4)
        var loaded = 0
        progress(0, total)
        for start in stride(from: 0, to: pieces.count, by: batch) {
            let part = pieces[start..<min(start + batch, pieces.count)]
            let errors = pool.map(part.count) { index in load(part[start + index]) }
            for case let error? in errors { throw error }
            loaded += part.reduce(0) { $0 + $1.byteCount }
            progress(loaded, total)
        }
    }

    private func load(_ piece: Piece) -> EngineError? {
        let matrix = piece.matrix
        let width = PackedMatrix.panelOutputs
        let rowBytes = matrix.inputs * piece.entry.type.byteCount
        var buffer = [UInt8](repeating: 0, count: piece.byteCount)
        let first = piece.panels.lowerBound * width * rowBytes
        do throws(EngineError) {
            try checkpoint.read(piece.entry, bytes: first..<first + piece.byteCount, into: &buffer)
        } catch { return error }
        for panel in piece.panels {
            let rows = min(width, matrix.outputs - panel * width)
            let bad = unsafe buffer.withUnsafeBytes { bytes in
                guard let source = bytes.baseAddress else { return -1 }
                return unsafe PanelPacking.pack(
                    source + (panel - piece.panels.lowerBound) * width * rowBytes, rows, matrix.inputs,
                    piece.entry.type,
                    into: matrix.start + panel * matrix.panelByteCount)
            }
            guard bad < 0 else {
                let row = panel * width + bad / matrix.inputs
                return checkpoint.error(
                    piece.entry,
                    "has a value that is infinite or not a number at [\(row), \(bad % matrix.inputs)]")
            }
        }
        return nil
    }
}

/// The packing kernels by element type.
private enum PanelPacking {
    /// Packs up to 16 rows; returns the index of the first element that is not finite, or -1.
    static func pack(
        _ source: UnsafeRawPointer, _ rows: Int, _ columns: Int, _ type: ElementType,
        into panel: UnsafeMutableRawPointer
    ) -> Int {
        switch type {
        case .bf16:
            unsafe moed_pack_bf16(
                panel.assumingMemoryBound(to: UInt16.self), source.assumingMemoryBound(to: UInt16.self), rows,
                columns)
        case .f16:
            unsafe moed_pack_f16(
                panel.assumingMemoryBound(to: Float.self), source.assumingMemoryBound(to: UInt16.self), rows,
                columns)
        default:
            unsafe moed_pack_f32(
                panel.assumingMemoryBound(to: Float.self), source.assumingMemoryBound(to: Float.self), rows,
                columns)
        }
    }
}
