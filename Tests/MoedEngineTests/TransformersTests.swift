import Foundation
import MoedCore
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// The reading of configurations and tensors against transformers: tiny random models, written and run by
/// `Tests/Fixtures/transformers/models.py`.
@Suite struct TransformersTests {
    private static let folder = Fixtures.packageRoot.appending(path: "Tests/Fixtures/transformers")
    private static let count = 240
    /// Largest difference of log-probabilities that rounding explains.
    private static let tolerance = 3e-4

    @Test(
        .enabled(
            if: TestPython.complete != nil,
            "no transformers: run .ci/venv, which installs it and torch into .build-venv where pip finds a CPU build"),
        .timeLimit(.minutes(60)))
    func sameLogProbabilities() async throws {
        let models = try TemporaryFolder()
        let script = Self.folder.appending(path: "models.py").path
        let arguments = ["-B", script, models.path, "--seed", "20260301", "--count", "\(Self.count)"]
        let result = try await Command.run(try #require(TestPython.complete), arguments)
        try #require(result.status == 0, "\(result.output.suffix(2000))")
        let lines = try result.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(lines.count == Self.count)
        var compared = 0
        for line in lines where line["logprobs"] != nil {
            let directory = models.path(line["name"]?.string ?? "")
            do throws(EngineError) {
                try Self.compare(line, try Checkpoint.open(directory))
                compared += 1
            } catch {
                #expect(Self.isRefused(line["config"]), "\(line["config"]?.serialized() ?? ""): \(error)")
            }
        }
        // Of the others most are refused: two rope objects that contradict each other.
        #expect(compared > Self.count * 3 / 5, "\(compared)")
        print("TransformersTests: \(compared) of \(lines.count) models compared")
    }

    private static func compare(_ line: JSONValue, _ checkpoint: Checkpoint) throws(EngineError) {
        let config = line["config"]?.serialized() ?? ""
        let model = try Qwen3Model.load(checkpoint, threads: 1)
        let tied = line["reading"]?["tied"]?.bool
        #expect(checkpoint.configuration.tiedEmbeddings == tied, "\(config)")
        let settings = EngineSettings(threads: 1, kvTokens: 64, kvFormat: .f32, sequencesMax: 1, rowsPerSweepMax: 64)
        let engine = try Engine(model: model, settings: settings)
        let ids = (line["ids"]?.array ?? []).compactMap(\.integer).map { TokenID($0) }
        let scores = try engine.score(ids).compactMap(\.logprob)
        let expected = (line["logprobs"]?.array ?? []).compactMap(\.number)
        #expect(scores.count == expected.count && !expected.isEmpty)
        let worst = zip(scores, expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst <= tolerance, "\(worst): \(config)")
        let hasExtra = checkpoint.tensors.contains { $0.name == "mtp.fc.weight" }
        #expect((checkpoint.unusedTensors != nil) == hasExtra, "\(checkpoint.unusedTensors ?? ""): \(config)")
    }

    /// True for a configuration that moed refuses though transformers runs it: it says a thing that transformers
    /// passes over.
    private static func isRefused(_ config: JSONValue?) -> Bool {
        let older = config?["rope_scaling"]?.object ?? JSONObject()
        let newer = config?["rope_parameters"]?.object ?? JSONObject()
        let read = older.isEmpty ? newer : older
        if read["attn_factor"] != nil { return true }
        guard !older.isEmpty, let other = newer["rope_theta"]?.number else { return false }
        return other != (older["rope_theta"] ?? config?["rope_theta"])?.number ?? 10_000
    }

    /// The reading alone, from records: without Python.
    @Test func sameReading() throws {
        let lines = try Fixtures.lines(Self.folder.appending(path: "recorded.jsonl"))
        var compared = 0
        for line in lines {
            let (config, reading) = (line["config"] ?? .null, try #require(line["reading"]))
            let checkpoint = try TestCheckpoint()
            try checkpoint.write("config.json", config.serialized())
            do throws(EngineError) {
                let model = try ModelConfiguration(path: "\(checkpoint.path)/config.json")
                Self.compare(model, reading, config.serialized())
                compared += 1
            } catch {
                #expect(Self.isRefused(config), "\(config.serialized()): \(error)")
            }
        }
        #expect(compared >= 150 && lines.count >= 200, "\(compared) of \(lines.count)")
    }

    private static func compare(_ model: ModelConfiguration, _ reading: JSONValue, _ config: String) {
        #expect((model.rotary.yarn == nil ? "default" : "yarn") == reading["rope_type"]?.string, "\(config)")
        #expect(model.rotary.base == reading["rope_theta"]?.number, "\(config)")
        #expect(abs(model.rotary.attentionFactor - (reading["attention_scaling"]?.number ?? 0)) < 1e-6, "\(config)")
        #expect(model.headDim == reading["head_dim"]?.integer, "\(config)")
        #expect(model.normEpsilon == reading["eps"]?.number.map { Float($0) }, "\(config)")
        let sparse = (0..<model.layers).map { JSONValue.bool(model.isSparse(layer: $0)) }
        #expect(sparse == reading["sparse"]?.array, "\(config)")
        let expected = (reading["inv_freq"]?.array ?? []).compactMap(\.number)
        let actual = model.rotary.inverseFrequencies(headDim: model.headDim).map { Double($0) }
        #expect(actual.count == expected.count, "\(config)")
        for (one, other) in zip(actual, expected) { #expect(abs(one - other) <= 1e-5 * other, "\(config)") }
    }
}
