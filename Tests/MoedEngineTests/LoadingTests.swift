import Foundation
import MoedCore
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// Weights that cannot be right, and the same weights in other element types.
@Suite struct LoadingTests {
    private func loadingError(_ checkpoint: TestCheckpoint) -> EngineError? {
        do throws(EngineError) {
            _ = try Qwen3Model.load(try Checkpoint.open(checkpoint.path), threads: 2)
        } catch { return error }
        return nil
    }

    @Test(arguments: TestCheckpoint.tensors.map(\.name), [Float.nan, .infinity, -.infinity])
    func valuesThatAreNotFinite(_ name: String, _ bad: Float) throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        try checkpoint.write(
            "model.safetensors", TestCheckpoint.safetensors { $0 == name && $1 == 1 ? bad : 0.5 })
        let error = try #require(loadingError(checkpoint))
        #expect(error.code == .badCheckpoint)
        #expect(error.message.contains(name) && error.message.contains("model.safetensors"))
    }

    @Test func everyTensorIsNeeded() throws {
        for missing in TestCheckpoint.tensors.indices {
            let checkpoint = try TestCheckpoint()
            try checkpoint.writeConfiguration()
            var tensors = TestCheckpoint.tensors
            let name = tensors.remove(at: missing).name
            try checkpoint.write("model.safetensors", TestCheckpoint.safetensors(tensors))
            let error = try #require(loadingError(checkpoint))
            #expect(error.code == .badCheckpoint && error.message.contains(name))
            // A tensor of the wrong shape is refused, too.
            tensors.append((name, [5]))
            try checkpoint.write("model.safetensors", TestCheckpoint.safetensors(tensors))
            #expect(try #require(loadingError(checkpoint)).message.contains("[5]"))
        }
    }

    @Test func untiedModelsNeedTheirOutputMatrix() throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration([("tie_word_embeddings", false)])
        try checkpoint.write("model.safetensors", TestCheckpoint.safetensors())
        #expect(try #require(loadingError(checkpoint)).message.contains("lm_head.weight"))
    }

    @Test func otherElementTypesAreNamed() throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        let text = String(decoding: TestCheckpoint.safetensors { _, _ in 0 }, as: UTF8.self)
        let file = Array(text.replacingOccurrences(of: "F32", with: "I32").utf8)
        try checkpoint.write("model.safetensors", file)
        let error = try #require(loadingError(checkpoint))
        #expect(error.code == .unsupportedModel && error.message.contains("I32"))
    }

    @Test func fileCutWhileLoading() throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        let file = TestCheckpoint.safetensors()
        try checkpoint.write("model.safetensors", file)
        let opened = try Checkpoint.open(checkpoint.path)
        try checkpoint.truncate("model.safetensors", to: file.count - 1)
        #expect(throws: EngineError.self) { try Qwen3Model.load(opened, threads: 1) }
    }

    /// The sample model rewritten as f32 and f16 (its values are kept where f16 holds them) runs the same.
    @Test func elementTypesGiveTheSameModel() throws {
        let tensors = try Self.sampleTensors()
        let prompt = try #require(try SamplePrompt.all().first).promptIDs
        let full = try Self.engine(tensors, "F32") { $0 }
        let original = try TestEngines.make(try SampleModelTests.checkpoint())
        #expect(try full.logits(prompt) == original.logits(prompt))

        let rounded = try Self.engine(tensors, "F32") { Float(Float16($0)) }
        let half = try Self.engine(tensors, "F16") { Float(Float16($0)) }
        #expect(try half.logits(prompt) == rounded.logits(prompt))
    }

    /// Finite weights can have infinite products: no token may be sampled from such logits.
    @Test func overflowGivesNoToken() throws {
        var tensors = try Self.sampleTensors()
        let norm = try #require(tensors.firstIndex { $0.name == "model.norm.weight" })
        tensors[norm].values = tensors[norm].values.map { _ in 3e38 }
        let engine = try Self.engine(tensors, "F32") { $0 }
        for temperature in [0, 1.0] {
            let sampling = SamplingParameters(temperature: temperature, topK: 20, topP: 0.95)
            try engine.open(
                SequenceID(1),
                SequenceOpening(prompt: [5, 6], tokensMax: 8, sampling: sampling, choice: 0))
            let sampled = try engine.sweep([
                SequenceStep(sequence: SequenceID(1), tokens: [5, 6], samples: true)
            ])
            #expect(sampled == [StepOutput(token: nil)])
            engine.close(SequenceID(1))
        }
    }

    private static func sampleTensors() throws -> [(name: String, shape: [Int], values: [Float])] {
        let checkpoint = try SampleModelTests.checkpoint()
        return try checkpoint.tensors.map { entry in
            var bytes = [UInt8](repeating: 0, count: entry.byteCount)
            try checkpoint.read(entry, bytes: 0..<entry.byteCount, into: &bytes)
            let values = stride(from: 0, to: bytes.count, by: 2).map {
                Float(bitPattern: UInt32(bytes[$0]) << 16 | UInt32(bytes[$0 + 1]) << 24)
            }
            return (entry.name, entry.shape, values)
        }
    }

    private static func engine(
        _ tensors: [(name: String, shape: [Int], values: [Float])], _ type: String,
        _ convert: (Float) -> Float
    ) throws -> Engine {
        let checkpoint = try TestCheckpoint()
        let configuration = try String(
            contentsOf: Fixtures.sampleModel.appending(path: "config.json"), encoding: .utf8)
        try checkpoint.write("config.json", configuration)
        var header: [String] = []
        var data: [UInt8] = []
        for (name, shape, values) in tensors {
            let start = data.count
            for value in values.map(convert) {
                let bits = type == "F16" ? UInt32(Float16(value).bitPattern) : value.bitPattern
                for byte in 0..<(type == "F16" ? 2 : 4) {
                    data.append(UInt8(truncatingIfNeeded: bits >> (8 * UInt32(byte))))
                }
            }
            header.append(
                "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),"
                    + "\"data_offsets\":[\(start),\(data.count)]}"
            )
        }
        let text = "{\(header.joined(separator: ","))}"
        try checkpoint.write("model.safetensors", TestCheckpoint.safetensors(header: text, data: data))
        return try TestEngines.make(try Checkpoint.open(checkpoint.path))
    }
}
