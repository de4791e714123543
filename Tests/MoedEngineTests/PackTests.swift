import Foundation
import MoedCore
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// Packs of the sample model and of small synthetic models: a loaded pack equals the loaded checkpoint.
@Suite struct PackTests {
    static let formats: [(experts: WeightFormat, dense: WeightFormat)] = [
        (.bf16, .bf16), (.int8(group: 64), .int8(group: 64)), (.int4(group: 64), .int8(group: 64)),
        (.int4(group: 32), .bf16), (.int8(group: 128), .int8(group: 32)), (.bf16, .int8(group: 128)),
    ]

    /// Number of the sample model's weights without the norms.
    static let matrixWeights = 2_750_464 - 6 * (2 * 128 + 2 * 32) - 128

    @discardableResult
    static func pack(
        _ checkpoint: Checkpoint, to path: String, experts: WeightFormat = .bf16, dense: WeightFormat = .bf16,
        threads: Int = 2, measuresErrors: Bool = false
    ) throws -> PackReport {
        try Packer(
            checkpoint,
            Packer.Options(
                experts: experts, dense: dense, threads: threads, measuresErrors: measuresErrors, tool: "test"
            )
        ).pack(to: path)
    }

    static func engine(_ model: Qwen3Model) throws -> Engine {
        try Engine(
            model: model,
            settings: EngineSettings(threads: 2, kvTokens: 256, sequencesMax: 4, rowsPerSweepMax: 64))
    }

    /// The probabilities that two models give to the same tokens must be the same bits.
    private func expectSame(_ one: Qwen3Model, _ other: Qwen3Model, _ tokens: [TokenID]) throws {
        let scores = try [one, other].map { try Self.engine($0).score(tokens, top: 4) }
        #expect(scores[0].count == tokens.count)
        for (left, right) in zip(scores[0], scores[1]) {
            #expect(left.logprob?.bitPattern == right.logprob?.bitPattern)
            #expect(left.top.map(\.id) == right.top.map(\.id))
            #expect(left.top.map(\.logprob.bitPattern) == right.top.map(\.logprob.bitPattern))
        }
        #expect(one.weightByteCount == other.weightByteCount)
    }

    @Test(arguments: formats)
    func theSampleModelGivesTheSameBits(_ experts: WeightFormat, _ dense: WeightFormat) throws {
        let folder = try TemporaryFolder()
        let checkpoint = try SampleModelTests.checkpoint()
        try Self.pack(checkpoint, to: folder.path("pack"), experts: experts, dense: dense)
        let pack = try Pack.open(folder.path("pack"))
        #expect(pack.manifest.experts == "\(experts)" && pack.manifest.dense == "\(dense)")
        #expect(pack.configuration == checkpoint.configuration)
        let prompt = try #require(try SamplePrompt.all().first)
        try expectSame(
            try Qwen3Model.load(checkpoint, experts: experts, dense: dense, threads: 2),
            try Qwen3Model.load(.pack(pack), threads: 2),
            Array((prompt.promptIDs + prompt.outputIDs).prefix(40)))
        try pack.verify(threads: 2)
    }

    /// Dense layers, mixed ones, shards, untied output, f32 weights.
    @Test(
        arguments: GoldenModel.all, [WeightFormat.bf16, .int8(group: 32)])
    func otherModelsGiveTheSameBits(_ golden: GoldenModel, _ format: WeightFormat) throws {
        let folder = try TemporaryFolder()
        let checkpoint = try Checkpoint(
            ModelFiles(directory: golden.directory.path, configurationName: golden.configurationFile))
        try Self.pack(checkpoint, to: folder.path("pack"), experts: format, dense: format)
        try expectSame(
            try Qwen3Model.load(checkpoint, experts: format, dense: format, threads: 2),
            try Qwen3Model.load(try Pack.open(folder.path("pack")), threads: 2), [1, 5, 2, 7, 3])
    }

    @Test(arguments: [WeightFormat.bf16, .int8(group: 32), .int4(group: 32)])
    func oddSizesInF32(_ format: WeightFormat) throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        try checkpoint.write(
            "model.safetensors", TestCheckpoint.safetensors { Float($0.utf8.count % 5 + $1) / 8 - 0.3 })
        let folder = try TemporaryFolder()
        let opened = try Checkpoint.open(checkpoint.path)
        try Self.pack(opened, to: folder.path("pack"), experts: format, dense: format)
        try expectSame(
            try Qwen3Model.load(opened, experts: format, dense: format, threads: 1),
            try Qwen3Model.load(try Pack.open(folder.path("pack")), threads: 1), [0, 3, 1])
        // With f32 weights, “as stored” is f32. Embeddings have at least eight bits.
        let pack = try Pack.open(folder.path("pack"))
        let stored = format == .bf16 ? WeightFormat.f32 : format
        #expect(try pack.format(of: "model.layers.0.self_attn.q_proj") == "\(stored)")
        let embedding = stored.bits == 4 ? WeightFormat.int8(group: 32) : stored
        #expect(try pack.format(of: "model.embed_tokens") == "\(embedding)")
    }

    @Test func threadsLeaveNoTrace() throws {
        let folder = try TemporaryFolder()
        let checkpoint = try SampleModelTests.checkpoint()
        for threads in [1, 3] {
            try Self.pack(
                checkpoint, to: folder.path("\(threads)"), experts: .int4(group: 64), dense: .int8(group: 64),
                threads: threads)
        }
        for file in ["manifest.json", "dense.bin", "experts.bin"] {
            #expect(try folder.bytes("1/\(file)") == folder.bytes("3/\(file)"))
        }
    }

    @Test func layout() throws {
        let folder = try TemporaryFolder()
        let report = try Self.pack(try SampleModelTests.checkpoint(), to: folder.path("pack"))
        let pack = try Pack.open(folder.path("pack"))
        let experts = pack.manifest.blobs.filter { $0.file == .experts }
        #expect(experts.count == 6 * 16)
        #expect(experts.allSatisfy { $0.offset % 4096 == 0 && $0.parts.count == 1 })
        #expect(experts.allSatisfy { $0.byteCount == 3 * 64 * 128 * 2 })
        #expect(pack.manifest.blobs.allSatisfy { $0.offset % 64 == 0 })
        #expect(report.byteCount == pack.byteCount)
        for name in Pack.copiedFiles where WeightFile.exists("\(Fixtures.sampleModel.path)/\(name)") {
            #expect(
                try folder.bytes("pack/\(name)") == Fixtures.bytes(Fixtures.sampleModel.appending(path: name))
            )
        }
    }

    @Test func errorsAreMeasured() throws {
        let folder = try TemporaryFolder()
        let checkpoint = try SampleModelTests.checkpoint()
        let report = try Self.pack(
            checkpoint, to: folder.path("pack"), experts: .int4(group: 32), dense: .int8(group: 64),
            measuresErrors: true)
        #expect(report.tensors.count == checkpoint.tensors.count { $0.shape.count == 2 })
        let weights = report.tensors.reduce(0) { $0 + $1.weights }
        #expect(weights == Self.matrixWeights)
        for row in report.classes {
            switch row.total.format {
            case .int4: #expect((0.03...0.12).contains(row.total.relativeError), "\(row)")
            case .int8: #expect((0.002...0.01).contains(row.total.relativeError), "\(row)")
            default: #expect(row.total.relativeError == 0 && row.total.tensorClass == "mlp.gate")
            }
            #expect(row.worst.relativeError >= row.total.relativeError)
            let expected = row.total.name == "embed_tokens" ? 1 : row.total.name.contains("experts") ? 96 : 6
            #expect(row.tensors == expected)
        }
        // Smaller groups fit better.
        let coarse = try Self.pack(
            checkpoint, to: folder.path("coarse"), experts: .int4(group: 128), dense: .int8(group: 128),
            measuresErrors: true)
        for (fine, coarse) in zip(report.classes, coarse.classes) where fine.total.format.quantGroup != nil {
            #expect(fine.total.relativeError < coarse.total.relativeError)
        }
    }

    @Test(arguments: TestCheckpoint.tensors.map(\.name))
    func badWeightsLeaveNoPack(_ name: String) throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        try checkpoint.write(
            "model.safetensors", TestCheckpoint.safetensors { $0 == name && $1 == 1 ? .nan : 0.5 })
        let folder = try TemporaryFolder()
        let opened = try Checkpoint.open(checkpoint.path)
        for format in [WeightFormat.bf16, .int8(group: 32)] {
            let error = #expect(throws: EngineError.self) {
                try Self.pack(opened, to: folder.path("pack"), experts: format, dense: format)
            }
            #expect(error?.message.contains(name) == true)
            #expect(try folder.names == [])
        }
    }

    @Test func progressIsShown() throws {
        let folder = try TemporaryFolder()
        var shown: [[Int]] = [[], [], []]
        let checkpoint = try SampleModelTests.checkpoint()
        _ = try Packer(
            checkpoint, Packer.Options(experts: .bf16, dense: .bf16, threads: 2, tool: "test")
        ).pack(to: folder.path("pack")) { shown[0] += [$0, $1] }
        let pack = try Pack.open(folder.path("pack"))
        _ = try Qwen3Model.load(pack, threads: 2) { shown[1] += [$0, $1] }
        try pack.verify(threads: 2) { shown[2] += [$0, $1] }
        let norms = pack.manifest.blobs.reduce(0) { $0 + ($1.format == "f32" ? $1.byteCount : 0) }
        let totals = [2 * Self.matrixWeights, pack.byteCount - norms, pack.byteCount]
        for (values, total) in zip(shown, totals) {
            let done = stride(from: 0, to: values.count, by: 2).map { values[$0] }
            #expect(done == done.sorted() && done.first == 0 && done.last == total)
            #expect(stride(from: 1, to: values.count, by: 2).allSatisfy { values[$0] == total })
        }
    }
}
