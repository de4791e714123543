import MoedCore
import MoedWeights

/// Reads the small files of a checkpoint directory (JSON and templates; weights are read by `MoedWeights`).
struct CheckpointFiles {
    /// Maximum size of a file in bytes; the largest real one, a tokenizer.json, has 11 MB.
    private static let bytesMax = 256 << 20
    let directory: String

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    /// Reads a file's bytes; nil when the file does not exist.
    /// - Throws: `EngineError(.badCheckpoint)` when it exists and cannot be read.
    func read(_ name: String) throws(EngineError) -> [UInt8]? {
        let path = path(name)
        return WeightFile.exists(path) ? try WeightFile.contents(of: path, limit: Self.bytesMax) : nil
    }

    func require(_ name: String) throws(EngineError) -> [UInt8] {
        guard let bytes = try read(name) else {
            throw EngineError(
                .badCheckpoint, "\(path(name)): no such file; is \(directory) a Hugging Face checkpoint?")
        }
        return bytes
    }
}
