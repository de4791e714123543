import MoedCore

/// One matrix of an expert inside of a tensor that holds those of all experts of a layer:
/// `…mlp.experts.gate_up_proj` `[experts, 2 · width, hidden]`, gates before ups, `…mlp.experts.down_proj`
/// `[experts, hidden, width]`, or of a GGUF file `…mlp.experts.gate_proj` and `….up_proj` `[experts, width, hidden]`.
struct FusedExpert: TensorBytes {
    /// The matrix as a tensor of its own.
    let entry: TensorEntry
    private let checkpoint: Checkpoint
    private let whole: TensorEntry
    private let start: Int

    /// Nil when `name` is no expert's matrix or the checkpoint has no such tensor.
    ///
    /// - Parameter name: e.g. `model.layers.0.mlp.experts.3.gate_proj`.
    /// - Throws: as `Checkpoint.weight`.
    init?(_ name: String, _ shape: MatrixShape, _ checkpoint: Checkpoint) throws(EngineError) {
        let parts = name.split(separator: ".")
        guard parts.count > 3, parts[parts.count - 3] == "experts", let expert = Int(parts[parts.count - 2]),
            let experts = checkpoint.configuration.experts, (0..<experts.count).contains(expert)
        else { return nil }
        let matrix = parts[parts.count - 1]
        let prefix = parts.dropLast(2).joined(separator: ".")
        let isAlone = checkpoint.has("\(prefix).\(matrix)")
        let halves = isAlone ? 1 : 2
        guard let tensor = try checkpoint.tensor(isAlone ? "\(prefix).\(matrix)" : "\(prefix).gate_up_proj")
        else { return nil }
        let sizes = [experts.count, halves * shape.outputs, shape.inputs]
        guard tensor.shape == sizes, matrix != "down_proj" || isAlone else {
            throw checkpoint.error(
                tensor, "has shape \(tensor.shape), but the configuration asks for \(sizes)")
        }
        guard tensor.blocks != nil || tensor.type.isWeight else {
            throw EngineError(
                .unsupportedModel,
                checkpoint.error(tensor, "is \(tensor.typeName); bf16, f16 and f32 are supported here").message)
        }
        whole = tensor
        let byteCount = tensor.byteCount / (experts.count * halves)
        start = (expert * halves + (matrix == "up_proj" && !isAlone ? 1 : 0)) * byteCount
        entry = TensorEntry(
            name: "\(name).weight", type: whole.type, shape: [shape.outputs, shape.inputs],
            offset: whole.offset + start, byteCount: byteCount, blocks: whole.blocks)
        self.checkpoint = checkpoint
    }

    func read(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        guard range.upperBound <= entry.byteCount else { throw error("is read past its end") }
        try checkpoint.read(whole, bytes: start + range.lowerBound..<start + range.upperBound, into: &target)
    }

    func error(_ reason: String) -> EngineError { checkpoint.error(whole, "(\(entry.name)) \(reason)") }
}
