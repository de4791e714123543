package import MoedCore

/// The names of a checkpoint's tensors: finds the tensors that a weight of the model is stored in.
package protocol TensorNaming: Sendable {
    /// The matrix `name`, e.g. `model.layers.0.self_attn.q_proj`.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when a tensor is missing or of another shape, `(.unsupportedModel)` when
    ///   its encoding is not read.
    func matrix(_ name: String, _ shape: MatrixShape, in checkpoint: Checkpoint) throws(EngineError) -> any RowSource

    /// The vector `name`, e.g. `model.norm`, as a matrix of one row.
    ///
    /// - Throws: as `matrix`.
    func vector(_ name: String, count: Int, in checkpoint: Checkpoint) throws(EngineError) -> any RowSource
}

/// The names of Hugging Face's safetensors files, which those of GGUF files are exchanged for: one tensor a weight,
/// `name.weight`, of bf16, f16 or f32, or several tensors of a quantised one. The experts of a layer may also lie in
/// two tensors, as transformers writes them with `save_original_format=False`.
package struct PlainNaming: TensorNaming {
    package init() {}

    package func matrix(
        _ name: String, _ shape: MatrixShape, in checkpoint: Checkpoint
    ) throws(EngineError) -> any RowSource {
        let quantized = QuantizedMatrix(
            tensors: ModuleTensors(module: name, checkpoint: checkpoint), shape: shape,
            description: checkpoint.quantization)
        if let rows = try quantized.rows() { return rows }
        var tensor = "\(name).weight"
        if !checkpoint.has(tensor) {
            if let rows = try FusedExpert(name, shape, checkpoint)?.rows() { return rows }
            // Tying goes both ways in transformers: one of the two tensors is enough.
            let isTied = checkpoint.configuration.tiedEmbeddings && tensor == Checkpoint.embedding
            if isTied, checkpoint.has(Checkpoint.output) { tensor = Checkpoint.output }
        }
        let entry = try checkpoint.weight(tensor, shape: [shape.outputs, shape.inputs])
        return try Self.rows(CheckpointTensor(checkpoint: checkpoint, entry: entry), shape)
    }

    package func vector(
        _ name: String, count: Int, in checkpoint: Checkpoint
    ) throws(EngineError) -> any RowSource {
        let entry = try checkpoint.weight("\(name).weight", shape: [count])
        return try Self.rows(CheckpointTensor(checkpoint: checkpoint, entry: entry), MatrixShape(1, count))
    }

    /// - Throws: `EngineError(.badCheckpoint)` for an element type that holds no weights.
    package static func rows(
        _ tensor: any TensorBytes, _ shape: MatrixShape
    ) throws(EngineError) -> any RowSource {
        if let blocks = tensor.entry.blocks { return try BlockRows(tensor, blocks, shape) }
        return switch tensor.entry.type {
        case .bf16: try BF16Rows(tensor, shape)
        case .f16: try F16Rows(tensor, shape)
        case .f32: try F32Rows(tensor, shape)
        default: throw tensor.error("is \(tensor.entry.typeName), which holds no weights")
        }
    }
}

extension Checkpoint {
    /// The naming of this checkpoint's tensors.
    package var naming: any TensorNaming { PlainNaming() }
}
