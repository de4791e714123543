import MoedCore
import MoedEngine
import MoedWeights
import TestSupport

/// Runs and packs of tiny models.
enum QuantisedRuns {
    /// Log-probabilities of tokens after those before them.
    static func score(_ directory: ModelDirectory, _ ids: [TokenID]) throws(EngineError) -> [Double] {
        let model = try Qwen3Model.load(directory, threads: 1)
        let settings = EngineSettings(threads: 1, kvTokens: 64, kvFormat: .f32, sequencesMax: 1, rowsPerSweepMax: 64)
        return try Engine(model: model, settings: settings).score(ids).compactMap(\.logprob)
    }

    static func pack(
        _ checkpoint: Checkpoint, _ format: WeightFormat, _ path: String
    ) throws(EngineError) -> ModelDirectory {
        let options = Packer.Options(
            experts: format, dense: format, threads: 1, measuresErrors: false, tool: "test")
        _ = try Packer(checkpoint, options).pack(to: path)
        return .pack(try Pack.open(path))
    }
}

/// A checkpoint of the same weights in f32, without any quantisation.
enum PlainCopy {
    static func write(_ checkpoint: Checkpoint) throws -> TestCheckpoint {
        var tensors: [(name: String, shape: [Int])] = []
        var values: [String: [Float]] = [:]
        for matrix in checkpoint.matrices {
            let name = "\(matrix.name).weight"
            tensors.append((name, [matrix.shape.outputs, matrix.shape.inputs]))
            values[name] = try checkpoint.bits(matrix).map { Float(bitPattern: $0) }
        }
        for entry in checkpoint.tensors where entry.shape.count == 1 && entry.name.hasSuffix("norm.weight") {
            let name = String(entry.name.dropLast(".weight".count))
            var vector = [Float](repeating: 0, count: entry.shape[0])
            try checkpoint.naming.vector(name, count: vector.count, in: checkpoint).rows(0..<1, into: &vector)
            tensors.append((entry.name, entry.shape))
            values[entry.name] = vector
        }
        let copy = try TestCheckpoint()
        var object = try JSONValue(parsing: checkpoint.modelFiles.require("config.json")).object
        object?["quantization_config"] = nil
        try copy.write("config.json", JSONValue.object(object ?? JSONObject()).serialized())
        try copy.write("model.safetensors", TestCheckpoint.safetensors(tensors) { values[$0]?[$1] ?? .nan })
        return copy
    }
}
