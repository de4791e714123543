import Foundation
import MoedCore
import MoedEngine
import MoedLocal
import MoedText
import MoedWeights
import TestSupport
import Testing

/// GGUF models that the gguf library writes, against the same weights as f32 in a Hugging Face directory.
@Suite(.enabled(if: TestPython.complete != nil, "no gguf library: run .ci/venv, which installs it into .build-venv"))
struct GGUFModelTests {
    private static func write(_ options: String...) async throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let script = Fixtures.packageRoot.appending(path: "Tests/Fixtures/gguf/files.py").path
        let arguments = ["-B", script, "model", Fixtures.sampleModel.path, folder.path] + options
        let result = try await Command.run(try #require(TestPython.complete), arguments)
        try #require(result.status == 0, "\(result.output.suffix(2000))")
        return folder
    }

    private static let prompts: [[TokenID]] = {
        let lines = (try? Fixtures.lines(Fixtures.sampleModel.appending(path: "prompts.jsonl"))) ?? []
        return lines.prefix(4).map { line in
            (line["thinking"]?["prompt_ids"]?.array ?? []).compactMap(\.integer).map { TokenID($0) }
        }
    }()

    private static func scores(_ model: Qwen3Model) throws -> [[Double]] {
        let settings = EngineSettings(threads: 1, kvTokens: 256, kvFormat: .f32, sequencesMax: 1, rowsPerSweepMax: 64)
        let engine = try Engine(model: model, settings: settings)
        return try prompts.map { try engine.score($0).compactMap(\.logprob) }
    }

    /// Every weight is the one that the library decodes, and so every probability is the same.
    @Test(arguments: ["F32", "BF16", "Q8_0", "MIX"]) func sameModel(type: String) async throws {
        let folder = try await Self.write("--type", type)
        let checkpoint = try Checkpoint.open(folder.path("model.gguf"))
        let reference = try Checkpoint.open(folder.path("reference"))
        for entry in reference.tensors where entry.shape.count == 2 {
            let name = String(entry.name.dropLast(".weight".count))
            let shape = MatrixShape(entry.shape[0], entry.shape[1])
            func rows(_ checkpoint: Checkpoint) throws -> [Float] {
                var values = [Float](repeating: 0, count: shape.count)
                try checkpoint.naming.matrix(name, shape, in: checkpoint).rows(0..<shape.outputs, into: &values)
                return values
            }
            #expect(try rows(checkpoint) == rows(reference), "\(name)")
        }
        let scores = try Self.scores(UnloadedModel(.checkpoint(checkpoint)).load(threads: 1))
        #expect(try scores == Self.scores(UnloadedModel(.checkpoint(reference)).load(threads: 1)))
        #expect(scores.allSatisfy { !$0.isEmpty } && checkpoint.unusedTensors == nil)
    }

    /// A pack holds the model: tokenizer and template too.
    @Test func packOfAGGUFModel() async throws {
        let folder = try await Self.write("--type", "Q8_0", "--split", "30")
        let checkpoint = try Checkpoint.open(folder.path("model-00001-of-00003.gguf"))
        let format = WeightFormat.int8(group: 32)
        let options = Packer.Options(experts: format, dense: format, threads: 1, tool: "test")
        _ = try Packer(checkpoint, options).pack(to: folder.path("pack"))
        let pack = try UnloadedModel(try ModelDirectory.open(folder.path("pack")))
        let direct = try UnloadedModel(.checkpoint(checkpoint), experts: format, dense: format)
        #expect(try Self.scores(pack.load(threads: 1)) == Self.scores(direct.load(threads: 1)))
        let text = try TextSide(directory: folder.path("pack"))
        #expect(text.endTokensText == "635 <|endoftext|>, 637 <|im_end|>" && text.template != nil)
    }

    /// The tokenizer made of the metadata is the model's own.
    @Test func sameTokens() async throws {
        let folder = try await Self.write("--type", "BF16")
        let opened = try OpenedModel.open(ModelOptions(directory: folder.path("model.gguf")))
        let own = try OpenedModel.open(ModelOptions(directory: Fixtures.sampleModel.path))
        #expect(opened.remarks == [] && opened.text.endIDs == own.text.endIDs)
        #expect(opened.text.kind == own.text.kind && opened.text.tokenizer.vocabularySize == own.text.tokenizer.vocabularySize)
        let lines = try Fixtures.lines(Fixtures.sampleModel.appending(path: "prompts.jsonl"))
        let texts = lines.compactMap { $0["question"]?.string } + ["e\u{301} <|im_end|> <think> [PAD639]\n\n  x", ""]
        #expect(texts.count > 50)
        for text in texts { #expect(opened.text.tokenizer.encode(text) == own.text.tokenizer.encode(text), "\(text)") }
    }
}
