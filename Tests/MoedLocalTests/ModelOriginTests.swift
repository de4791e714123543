import Foundation
import MoedCore
import MoedEngine
import MoedLocal
import MoedPreparation
import MoedWeights
import TestSupport
import Testing

/// The origin is what computes the tokens: contents and formats, not names and places.
@Suite struct ModelOriginTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try copy("model")
    }

    private func copy(_ name: String) throws {
        try folder.createFolder(name)
        for file in [
            "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors",
        ] {
            try folder.copy("\(Fixtures.sampleModel.path)/\(file)", to: "\(name)/\(file)")
        }
    }

    private func origin(_ name: String = "model", _ change: (inout ModelOptions) -> Void = { _ in }) throws -> RunnerOrigin {
        var options = ModelOptions(directory: folder.path(name))
        (options.threads, options.sequences, options.kvTokens) = (2, 2, 256)
        change(&options)
        return try ModelRunner.load(options) { _, _, _ in }.origin(model: "served")
    }

    @Test func aCopyHasTheSameOrigin() throws {
        try copy("elsewhere")
        let origin = try origin()
        #expect(try origin == self.origin("elsewhere") { $0.threads = 1 })
        #expect(origin.model == "served" && origin.formats == "experts bf16, dense bf16, keys and values f32")
        #expect(origin.digest.utf8.count == 16 && origin.details["weights"]?.string?.utf8.count == 16)
    }

    /// An adapter has an origin of its own, and leaves the model's alone.
    @Test func adaptersHaveOriginsOfTheirOwn() throws {
        for seed in [1, 2] as [UInt64] { try TestAdapter.ofSampleModel(seed: seed).write(to: folder, "adapter\(seed)") }
        func origins(_ paths: [String]) throws -> (RunnerOrigin, [RunnerOrigin]) {
            var options = ModelOptions(directory: folder.path("model"))
            (options.threads, options.sequences, options.kvTokens) = (2, 2, 256)
            options.adapters = paths.enumerated().map { AdapterOption(name: "a\($0)", path: folder.path($1)) }
            let runner = try ModelRunner.load(options) { _, _, _ in }
            return (runner.origin(model: "served"), runner.adapters.served.origins)
        }
        let (base, both) = try origins(["adapter1", "adapter2"])
        #expect(try base == origin() && both.map(\.model) == ["a0", "a1"])
        #expect(Set(both.map(\.digest) + [base.digest]).count == 3)
        #expect(try origins(["adapter2"]).1.map(\.digest) == [both[1].digest])
    }

    /// The same weights in the same formats give the same tokens, wherever they come from.
    @Test func aPackHasTheOriginOfItsCheckpoint() throws {
        let formats = FormatChoice(experts: "int4", dense: "int8")
        let checkpoint = try Checkpoint.open(folder.path("model"))
        _ = try Packer(
            checkpoint,
            Packer.Options(experts: .int4(group: 64), dense: .int8(group: 64), threads: 2, tool: "test")
        ).pack(to: folder.path("pack"))
        #expect(try origin { $0.formats = formats } == origin("pack"))
        #expect(try origin("pack") == origin { ($0.formats, $0.packCache) = (formats, folder.path("cache")) })
    }

    /// Names, sizes and times of all files stay as they are.
    @Test(arguments: ["model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
    func otherContentsAreAnotherOrigin(file: String) throws {
        let first = try origin()
        var bytes = try folder.bytes("model/\(file)")
        if file == "model.safetensors" {
            bytes[3_000_000] ^= 1
        } else {
            let blank = try #require(bytes.firstIndex(of: UInt8(ascii: " ")) ?? bytes.firstIndex(of: UInt8(ascii: "\n")))
            bytes[blank] = bytes[blank] == UInt8(ascii: " ") ? UInt8(ascii: "\n") : UInt8(ascii: " ")
        }
        try folder.write("model/\(file)", bytes)
        #expect(try origin().digest != first.digest)
    }

    @Test func formatsAndDefaultsAreInTheOrigin() throws {
        var digests = [try origin().digest]
        digests.append(try origin { $0.formats = FormatChoice(experts: "int8", dense: "auto") }.digest)
        digests.append(try origin { $0.formats = FormatChoice(experts: "auto", dense: "int8") }.digest)
        digests.append(try origin { $0.formats = FormatChoice(experts: "auto", dense: "int8", group: 32) }.digest)
        digests.append(try origin { $0.kvFormat = .f16 }.digest)
        digests.append(try origin { $0.preparation.mode = .nonThinking }.digest)
        digests.append(try origin { $0.preparation.controlTokens = .transformers }.digest)
        digests.append(try origin { $0.preparation.answerReserve = 0 }.digest)
        #expect(Set(digests).count == digests.count)
    }
}
