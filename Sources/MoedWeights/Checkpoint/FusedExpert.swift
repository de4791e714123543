import MoedCore

/// One matrix of an expert inside of a tensor that holds those of all experts of a layer:
/// `…mlp.experts.gate_up_proj` `[experts, 2 · width, hidden]`, gates before ups, `…mlp.experts.down_proj`
/// `[experts, hidden, width]`, or of a GGUF file `…mlp.experts.gate_proj` and `….up_proj` `[experts, width, hidden]`.
/// In FP8, `…_scale_inv` beside it holds their scales in the same order. Qwen3-VL-MoE has each expert's matrix
/// transposed: `[experts, hidden, 2 · width]` and `[experts, width, hidden]`.
struct FusedExpert {
    private let name: String
    private let shape: MatrixShape
    private let checkpoint: Checkpoint
    /// E.g. `model.layers.0.mlp.experts.gate_up_proj`.
    private let tensor: String
    private let experts: Int
    /// Matrices of an expert in the tensor.
    private let halves: Int
    /// Number of the matrix among all of the tensor.
    private let index: Int

    /// Nil when `name` is no expert's matrix or the checkpoint has no such tensor.
    ///
    /// - Parameter name: e.g. `model.layers.0.mlp.experts.3.gate_proj`.
    init?(_ name: String, _ shape: MatrixShape, _ checkpoint: Checkpoint) {
        let parts = name.split(separator: ".")
        guard parts.count > 3, parts[parts.count - 3] == "experts", let expert = Int(parts[parts.count - 2]),
            let experts = checkpoint.configuration.experts, (0..<experts.count).contains(expert)
        else { return nil }
        let matrix = parts[parts.count - 1]
        let prefix = parts.dropLast(2).joined(separator: ".")
        let isAlone = checkpoint.has("\(prefix).\(matrix)")
        halves = isAlone ? 1 : 2
        tensor = isAlone ? "\(prefix).\(matrix)" : "\(prefix).gate_up_proj"
        guard checkpoint.has(tensor), matrix != "down_proj" || isAlone else { return nil }
        index = expert * halves + (matrix == "up_proj" && !isAlone ? 1 : 0)
        self.experts = experts.count
        (self.name, self.shape, self.checkpoint) = (name, shape, checkpoint)
    }

    /// - Throws: as `TensorNaming.matrix`.
    func rows() throws(EngineError) -> (any RowSource)? {
        guard let whole = try checkpoint.tensor(tensor) else { return nil }
        let sizes = [experts, halves * shape.outputs, shape.inputs]
        // Where both forms are the same sizes, it is the usual one, as in transformers.
        if whole.shape != sizes, whole.shape == [experts, shape.inputs, halves * shape.outputs],
            whole.blocks == nil, whole.type.isWeight
        {
            let own = entry(whole, matrices: experts, number: index / halves, "weight")
            let expert = FusedPart(entry: own, checkpoint: checkpoint, whole: whole)
            let first = index % halves * shape.outputs
            return TransposedRows(
                try PlainNaming.rows(expert, MatrixShape(shape.inputs, halves * shape.outputs)), shape, from: first)
        }
        guard whole.shape == sizes else {
            throw checkpoint.error(whole, "has shape \(whole.shape), but the configuration asks for \(sizes)")
        }
        if whole.blocks == nil, whole.type == .f8e4m3 { return try scaled(whole) }
        guard whole.blocks != nil || whole.type.isWeight else {
            throw EngineError(
                .unsupportedModel,
                checkpoint.error(whole, "is \(whole.typeName); bf16, f16 and f32 are supported here").message)
        }
        return try PlainNaming.rows(part(of: whole, shape.outputs, shape.inputs, "weight"), shape)
    }

    private func scaled(_ codes: TensorEntry) throws(EngineError) -> any RowSource {
        let scaleName = "\(tensor)_scale_inv"
        guard let scales = try checkpoint.tensor(scaleName) else {
            throw checkpoint.error(codes, "needs \(checkpoint.storedName(scaleName)), which is missing")
        }
        guard scales.shape.count == 3, scales.shape[0] == experts, scales.shape[1] % halves == 0 else {
            throw checkpoint.error(
                scales, "has shape \(scales.shape), but must be [\(experts), \(halves) · rows of scales, columns]")
        }
        checkpoint.note("\(tensor)_activation_scale")
        return try ScaledByteRows(
            part(of: codes, shape.outputs, shape.inputs, "weight"),
            scales: part(of: scales, scales.shape[1] / halves, scales.shape[2], "weight_scale_inv"), shape,
            sharings: checkpoint.quantization?.sharings ?? [])
    }

    /// The matrix's part of a tensor.
    private func part(of whole: TensorEntry, _ rows: Int, _ columns: Int, _ ending: String) -> FusedPart {
        var entry = entry(whole, matrices: experts * halves, number: index, ending)
        entry.shape = [rows, columns]
        return FusedPart(entry: entry, checkpoint: checkpoint, whole: whole)
    }

    /// One of the equal parts of a tensor.
    private func entry(_ whole: TensorEntry, matrices: Int, number: Int, _ ending: String) -> TensorEntry {
        let byteCount = whole.byteCount / matrices
        return TensorEntry(
            name: "\(name).\(ending)", type: whole.type, shape: Array(whole.shape.dropFirst()),
            offset: whole.offset + number * byteCount, byteCount: byteCount, blocks: whole.blocks)
    }
}

/// Bytes of a tensor as a tensor of their own.
private struct FusedPart: TensorBytes {
    let entry: TensorEntry
    let checkpoint: Checkpoint
    let whole: TensorEntry

    func read(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        guard range.upperBound <= entry.byteCount else { throw error("is read past its end") }
        let start = entry.offset - whole.offset
        try checkpoint.read(whole, bytes: start + range.lowerBound..<start + range.upperBound, into: &target)
    }

    func error(_ reason: String) -> EngineError {
        checkpoint.error(whole, "(\(checkpoint.storedName(entry.name))) \(reason)")
    }
}
