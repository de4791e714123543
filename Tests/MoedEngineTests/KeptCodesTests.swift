import Foundation
import MoedCore
import MoedEngine
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// Codes and numbers that packs keep as a checkpoint stores them.
@Suite struct KeptCodesTests {
    private static let folder = Fixtures.packageRoot.appending(path: "Tests/Fixtures/quantised/recorded")

    /// Codes times scales are the weights, bit for bit, and a pack holds the same codes and numbers.
    @Test(arguments: [
        ("gptq4-v1-sym", "kept4/32/f16"), ("gptq4-v1-128", "kept4/128/f16"), ("gptq8-v1-sym", "kept8/32/f16"),
        ("auto-round-gptq-sym", "kept4/32/f16"), ("gptq-dynamic", "kept4/32/f16"),
        ("gptq4-lm_head", "kept4/32/f16/zero"), ("gptq4-router", "kept4/32/f16/zero"),
        ("gptq4-v1-64", "kept4/64/f16/zero"), ("gptq4-v2-zeros", "kept4/32/f16/zero"),
        ("auto-round-raw", "kept4/32/f16/zero"), ("awq-gemm", "kept4/32/f16/zero"),
        ("pack4-group32-zeros", "kept4/32/bf16/zero"), ("pack8-group32-zeros", "kept8/32/f16/zero"),
    ])
    func packsKeepCodesAndNumbers(_ name: String, _ format: String) throws {
        let checkpoint = try Checkpoint.open(Self.folder.appending(path: name).path)
        let kept = try Self.compare(checkpoint)
        #expect(kept.count > 3 && kept.contains(format), "\(Set(kept))")
    }
    /// - Returns: the forms of the matrices that were kept.
    private static func compare(_ checkpoint: Checkpoint) throws -> [String] {
        let target = try TemporaryFolder()
        guard case .pack(let pack) = try QuantisedRuns.pack(checkpoint, .keep, target.path("pack")) else { return [] }
        var formats: [String] = []
        for blob in pack.manifest.blobs where blob.format.contains("kept") {
            let file = try target.bytes("pack/\(blob.file.rawValue)")
            let isExpert = blob.file == .experts
            let shapes =
                isExpert
                ? try #require(checkpoint.configuration.shape.expert).matrices
                : [("", try #require(checkpoint.matrices.first { $0.name == blob.name }).shape)]
            let names = blob.format.split(separator: "+").map(String.init)
            let own = try shapes.indices.map { try #require(WeightFormat(names.count == 1 ? names[0] : names[$0])) }
            var offset = blob.offset
            for ((part, shape), format) in zip(shapes, own) {
                let size = format.panelByteCount(inputs: shape.inputs)
                defer { offset += ((shape.outputs + 15) / 16 * size + 63) / 64 * 64 }
                guard case .kept(let kept) = format else { continue }
                let source = try checkpoint.naming.matrix(part.isEmpty ? blob.name : "\(blob.name).\(part)", shape, in: checkpoint)
                let rows = try #require(source as? any KeptRows)
                #expect(try rows.keptFormat() == kept)
                let matrix = KeptMatrix(kept, shape, try rows.keptCodes(0..<shape.outputs))
                for output in 0..<shape.outputs {
                    let start = offset + output / 16 * size
                    let row = KeptMatrix.row(Array(file[start..<start + size]), output % 16, shape.inputs, kept)
                    #expect(row == numbers(of: matrix.rows(output..<output + 1), kept))
                }
                var weights = [Float](repeating: .nan, count: shape.count)
                try source.rows(0..<shape.outputs, into: &weights)
                #expect((0..<shape.outputs).flatMap(matrix.weights) == weights, "\(blob.name)")
                #expect(try rows.keptCodes(1..<3) == matrix.rows(1..<3))
                formats.append(kept.description)
            }
        }
        return formats
    }

    /// What a panel of that form holds of a row.
    private static func numbers(of row: KeptCodes, _ format: KeptFormat) -> KeptCodes {
        var row = row
        if format.offset == .middle { row.small = [] }
        return row
    }

    /// The checkpoint itself, kept in memory, is its pack: same weights, same probabilities, near the exact ones.
    @Test(arguments: ["gptq4-v1-sym", "gptq8-v1-sym", "gptq-dynamic", "awq-gemm", "auto-round-raw"]) func checkpointsRunAsTheirPacks(_ name: String) throws {
        let target = try TemporaryFolder()
        let checkpoint = try Checkpoint.open(Self.folder.appending(path: name).path)
        let pack = try QuantisedRuns.pack(checkpoint, .keep, target.path("pack"))
        let ids = (0..<16).map { TokenID($0 * 5 % 19) }
        let unloaded = try UnloadedModel(.checkpoint(checkpoint), experts: .keep, dense: .keep)
        let model = try unloaded.load(threads: 1)
        let settings = EngineSettings(threads: 1, kvTokens: 64, kvFormat: .f32, sequencesMax: 1, rowsPerSweepMax: 64)
        let scores = try Engine(model: model, settings: settings).score(ids).compactMap(\.logprob)
        #expect(try QuantisedRuns.score(pack, ids) == scores)
        if case .pack(let pack) = pack { #expect(unloaded.weightsDigest == pack.manifest.weightsDigest) }
        let exact = try QuantisedRuns.score(.checkpoint(checkpoint), ids)
        let mean = zip(exact, scores).map { abs($0 - $1) }.reduce(0, +) / Double(exact.count)
        #expect(mean < 0.1, "\(mean)")
    }

    /// Blocks of Q8_0 and Q4_0, and of a kind that no kernel multiplies.
    @Test func blocksOfGGUF() throws {
        var random = SplitMix(seed: 9)
        let folder = try TemporaryFolder()
        var gguf = Self.model(&random)
        try folder.write("model.gguf", gguf.bytes)
        #expect(try Self.compare(try Checkpoint.open(folder.path("model.gguf"))).count == 10)
        // Q4_1 keys and Q5_0 values beside Q8_0 queries: the values become int8 with the others' quant group.
        gguf.replace(Self.blocks("blk.0.attn_k.weight", [32, 32], type: 3, &random))
        gguf.replace(Self.blocks("blk.0.attn_v.weight", [32, 32], type: 6, &random))
        try folder.write("mixed.gguf", gguf.bytes)
        let mixed = try Checkpoint.open(folder.path("mixed.gguf"))
        #expect(try Self.compare(mixed).count == 9)
        guard case .pack(let pack) = try QuantisedRuns.pack(mixed, .keep, folder.path("pack")) else { return }
        let formats = Dictionary(uniqueKeysWithValues: pack.manifest.blobs.map { ($0.name, $0.format) })
        #expect(formats["model.layers.0.self_attn.q_proj"] == "kept8/32/f16")
        #expect(formats["model.layers.0.self_attn.k_proj"] == "kept4/32/f16/minimum")
        #expect(formats["model.layers.0.self_attn.v_proj"] == "int8/32")
        #expect(formats["model.layers.0.self_attn.o_proj"] == "kept4/32/f16")
        #expect(formats["model.layers.0.mlp.experts.1"] == "kept8/32/f16+kept8/32/f16+kept4/32/f16")
        #expect(formats["model.layers.0.mlp.gate"] == "f32" || formats["model.layers.0.mlp.gate"] == "bf16")
        try Self.runsAsItsPack(.checkpoint(mixed), .pack(pack))
    }

    /// Q4_K, whose groups of 32 share scale and minimum eight by eight, beside Q6_K, as Q4_K_M mixes them.
    @Test func nestedBlocksOfGGUF() throws {
        var random = SplitMix(seed: 10)
        let folder = try TemporaryFolder()
        var gguf = Self.model(&random, width: 256)
        for tensor in gguf.tensors where tensor.type == 8 || tensor.type == 2 {
            let isKey = tensor.name == "blk.0.attn_k.weight"
            gguf.replace(Self.blocks(tensor.name, tensor.sizes, type: isKey ? 14 : 12, &random))
        }
        try folder.write("model.gguf", gguf.bytes)
        let checkpoint = try Checkpoint.open(folder.path("model.gguf"))
        #expect(try Self.compare(checkpoint) == [String](repeating: "kept4/32/f16/nested", count: 9))
        let pack = try QuantisedRuns.pack(checkpoint, .keep, folder.path("pack"))
        try Self.runsAsItsPack(.checkpoint(checkpoint), pack)
    }

    /// The pack's log-probabilities are near the exact ones.
    private static func runsAsItsPack(_ checkpoint: ModelDirectory, _ pack: ModelDirectory) throws {
        let ids: [TokenID] = [0, 3, 1, 2, 2, 1]
        let (exact, scores) = (try QuantisedRuns.score(checkpoint, ids), try QuantisedRuns.score(pack, ids))
        let mean = zip(exact, scores).map { abs($0 - $1) }.reduce(0, +) / Double(exact.count)
        #expect(mean < 0.02 && scores.allSatisfy(\.isFinite), "\(exact) \(scores)")
    }

    /// Random blocks whose scales, f16 at the first bytes or the last, are small.
    private static func blocks(_ name: String, _ sizes: [UInt64], type: UInt32, _ random: inout SplitMix) -> TestGGUF.Tensor {
        let kinds: [UInt32: (weights: Int, bytes: Int, halves: [Int])] = [
            2: (32, 18, [0]), 3: (32, 20, [0, 2]), 6: (32, 22, [0]), 8: (32, 34, [0]), 12: (256, 144, [0, 2]), 14: (256, 210, [208]),
        ]
        let kind = kinds[type] ?? (1, 1, [])
        let bytes = (0..<Int(sizes.reduce(1, *)) / kind.weights).flatMap { _ -> [UInt8] in
            var block = (0..<kind.bytes).map { _ in UInt8.random(in: 0...255, using: &random) }
            for place in kind.halves {
                let scale = KeptMatrix.half(Float.random(in: -0.01...0.01, using: &random) / (kind.weights == 256 ? 30 : 1), .f16)
                (block[place], block[place + 1]) = (UInt8(scale & 0xFF), UInt8(scale >> 8))
            }
            return block
        }
        return TestGGUF.Tensor(name, sizes, type: type, bytes: bytes)
    }

    private static func floats(
        _ name: String, _ sizes: [UInt64], _ range: ClosedRange<Float>, _ random: inout SplitMix
    ) -> TestGGUF.Tensor {
        let bytes = (0..<Int(sizes.reduce(1, *))).flatMap { _ -> [UInt8] in
            let bits = Float.random(in: range, using: &random).bitPattern
            return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
        }
        return TestGGUF.Tensor(name, sizes, bytes: bytes)
    }

    /// One layer of two experts; gates and ups in Q8_0, downs and the attention's output in Q4_0.
    ///
    /// - Parameter width: of every matrix.
    private static func model(_ random: inout SplitMix, width: UInt32 = 32) -> TestGGUF {
        var gguf = TestGGUF()
        let (size, inner) = (UInt64(width), UInt64(max(width, 64)))
        gguf.set("qwen3moe.embedding_length", .u32(width))
        gguf.set("qwen3moe.expert_feed_forward_length", .u32(UInt32(inner)))
        for key in ["key_length", "value_length"] { gguf.set("qwen3moe.attention.\(key)", .u32(width)) }
        gguf.tensors = [
            floats("token_embd.weight", [size, 4], -1...1, &random), floats("output_norm.weight", [size], 0.02...0.02, &random),
            floats("blk.0.ffn_gate_inp.weight", [size, 2], -0.1...0.1, &random),
        ]
        for name in ["attn", "ffn", "attn_q", "attn_k"] {
            gguf.tensors.append(floats("blk.0.\(name)_norm.weight", [size], 1...1, &random))
        }
        for name in ["q", "k", "v"] { gguf.tensors.append(blocks("blk.0.attn_\(name).weight", [size, size], type: 8, &random)) }
        gguf.tensors.append(blocks("blk.0.attn_output.weight", [size, size], type: 2, &random))
        for name in ["gate", "up"] { gguf.tensors.append(blocks("blk.0.ffn_\(name)_exps.weight", [size, inner, 2], type: 8, &random)) }
        gguf.tensors.append(blocks("blk.0.ffn_down_exps.weight", [inner, size, 2], type: 2, &random))
        return gguf
    }

    /// A scale that is infinite is refused, as in other encodings.
    @Test func damagedScales() throws {
        var random = SplitMix(seed: 9)
        let folder = try TemporaryFolder()
        var gguf = Self.model(&random)
        for index in gguf.tensors.indices where gguf.tensors[index].name == "blk.0.attn_output.weight" {
            gguf.tensors[index].bytes[18 * 5] = 0
            gguf.tensors[index].bytes[18 * 5 + 1] = 0x7C
        }
        try folder.write("model.gguf", gguf.bytes)
        let checkpoint = try Checkpoint.open(folder.path("model.gguf"))
        let error = #expect(throws: EngineError.self) { try QuantisedRuns.pack(checkpoint, .keep, folder.path("pack")) }
        #expect(error?.message.contains("at [5, 0]") == true, "\(error?.message ?? "")")
    }
}
