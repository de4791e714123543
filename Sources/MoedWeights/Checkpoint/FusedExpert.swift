import MoedCore

/// One matrix of an expert inside of a tensor that holds those of all experts of a layer:
/// `…mlp.experts.gate_up_proj` `[experts, 2 · width, hidden]`, gates before ups, or `…mlp.experts.down_proj`
/// `[experts, hidden, width]`.
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
        let halves = matrix == "down_proj" ? 1 : 2
        let tensor =
            parts.dropLast(2).joined(separator: ".") + (halves == 1 ? ".down_proj" : ".gate_up_proj")
        guard checkpoint.has(tensor) else { return nil }
        whole = try checkpoint.weight(tensor, shape: [experts.count, halves * shape.outputs, shape.inputs])
        let byteCount = shape.count * whole.type.byteCount
        start = (expert * halves + (matrix == "up_proj" ? 1 : 0)) * byteCount
        entry = TensorEntry(
            name: "\(name).weight", type: whole.type, shape: [shape.outputs, shape.inputs],
            offset: whole.offset + start, byteCount: byteCount)
        self.checkpoint = checkpoint
    }

    func read(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        guard range.upperBound <= entry.byteCount else { throw error("is read past its end") }
        try checkpoint.read(whole, bytes: start + range.lowerBound..<start + range.upperBound, into: &target)
    }

    func error(_ reason: String) -> EngineError { checkpoint.error(whole, "(\(checkpoint.storedName(entry.name))) \(reason)") }
}
