import MoedCore
import MoedWeights

/// The tensors of `adapter_model.safetensors`.
struct AdapterFiles: Sendable {
    static let fileName = "adapter_model.safetensors"

    let file: WeightFile
    let tensors: [TensorEntry]

    /// - Throws: `EngineError(.badCheckpoint)` naming the file and the reason.
    init(directory: String) throws(EngineError) {
        let path = "\(directory)/\(Self.fileName)"
        guard WeightFile.exists(path) else {
            let isPickled = WeightFile.exists("\(directory)/adapter_model.bin")
            let hint =
                isPickled
                ? "adapter_model.bin is not read: save the adapter as safetensors (PEFT: save_pretrained())"
                : "the adapter's weights are missing"
            throw EngineError(.badCheckpoint, "\(path): no such file: \(hint)")
        }
        file = try WeightFile(path)
        tensors = try SafetensorsHeader(of: file).tensors
    }

    /// A matrix of the file as rows.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when it is none.
    func matrix(_ entry: TensorEntry) throws(EngineError) -> any RowSource {
        let tensor = AdapterTensor(entry: entry, file: file)
        guard entry.shape.count == 2, entry.shape[0] > 0, entry.shape[1] > 0 else {
            throw tensor.error("has shape \(entry.shape), and must be a matrix")
        }
        return try PlainNaming.rows(tensor, MatrixShape(entry.shape[0], entry.shape[1]))
    }

    func error(_ entry: TensorEntry, _ reason: String) -> EngineError {
        AdapterTensor(entry: entry, file: file).error(reason)
    }

    /// Digest of all bytes of the file.
    func digest() throws(EngineError) -> Digest {
        let step = 4 << 20
        var parts: [Digest] = []
        for start in stride(from: 0, to: file.byteCount, by: step) {
            var bytes = [UInt8](repeating: 0, count: min(step, file.byteCount - start))
            try file.read(bytes.count, at: start, into: &bytes)
            parts.append(Digest(bytes))
        }
        return Digest(parts: parts)
    }
}

/// The bytes of a tensor of an adapter.
private struct AdapterTensor: TensorBytes {
    let entry: TensorEntry
    let file: WeightFile

    func read(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        guard range.upperBound <= entry.byteCount else { throw error("is read past its end") }
        try file.read(range.count, at: entry.offset + range.lowerBound, into: &target)
    }

    func error(_ reason: String) -> EngineError {
        EngineError(.badCheckpoint, "\(file.path): tensor \(entry.name.prefix(200)) \(reason)")
    }
}
