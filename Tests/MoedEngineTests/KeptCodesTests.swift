import CMoedKernels
import Foundation
import MoedCore
import MoedEngine
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// Codes and scales that packs keep as a checkpoint stores them.
@Suite struct KeptCodesTests {
    static let formats = [4, 8].flatMap { bits in
        WeightFormat.quantGroups.flatMap { group in
            KeptFormat.Scales.allCases.map { KeptFormat(bits: bits, group: group, scales: $0) }
        }
    }

    // MARK: Kernels

    /// A matrix of codes and scales, in panels.
    private struct Matrix {
        let format: KeptFormat
        let outputs: Int
        let inputs: Int
        var codes: [UInt8]
        var scales: [UInt16]

        var groups: Int { (inputs + format.group - 1) / format.group }

        init(_ format: KeptFormat, outputs: Int, inputs: Int, _ random: inout SplitMix) {
            (self.format, self.outputs, self.inputs) = (format, outputs, inputs)
            codes = (0..<outputs * inputs).map { _ in UInt8.random(in: 0...(format.bits == 4 ? 15 : 255), using: &random) }
            scales = random.floats(outputs * ((inputs + format.group - 1) / format.group)).map { KeptCodesTests.half($0, format.scales) }
        }

        var panels: [UInt8] {
            let size = WeightFormat.kept(format).panelByteCount(inputs: inputs)
            var bytes: [UInt8] = []
            for first in stride(from: 0, to: outputs, by: 16) {
                let rows = min(16, outputs - first)
                var panel = [UInt8](repeating: 9, count: size)
                unsafe moed_keep_panel(
                    &panel, Array(codes[first * inputs..<(first + rows) * inputs]),
                    Array(scales[first * groups..<(first + rows) * groups]), rows, inputs, Int32(format.bits), format.group)
                bytes += panel
            }
            return bytes
        }

        func weight(_ output: Int, _ input: Int) -> Float {
            let code = Int(codes[output * inputs + input]) - (format.bits == 4 ? 8 : 128)
            return Float(code) * scale(output, input / format.group)
        }

        func scale(_ output: Int, _ group: Int) -> Float {
            KeptCodesTests.value(scales[output * groups + group], format.scales)
        }
    }

    static func half(_ value: Float, _ scales: KeptFormat.Scales) -> UInt16 {
        scales == .f16 ? Float16(value).bitPattern : UInt16(value.bitPattern >> 16)
    }

    static func value(_ bits: UInt16, _ scales: KeptFormat.Scales) -> Float {
        scales == .f16 ? Float(Float16(bitPattern: bits)) : Float(bitPattern: UInt32(bits) << 16)
    }

    /// The header's specification in plain arithmetic, for any number of rows and each instruction set.
    @Test(arguments: formats) func products(_ format: KeptFormat) throws {
        let scalar = try #require(KernelCalls("scalar"))
        var random = SplitMix(seed: 5)
        for (outputs, inputs) in [(5, 31), (16, 129), (37, 300), (16, 256)] {
            var matrix = Matrix(format, outputs: outputs, inputs: inputs, &random)
            // Largest codes of one sign, where sums of 16 bits would saturate; negative, zero and subnormal scales.
            for input in 0..<inputs { matrix.codes[input] = 0 }
            for input in 0..<inputs { matrix.codes[inputs + input] = format.bits == 4 ? 15 : 255 }
            matrix.scales[0] = Self.half(-0.75, format.scales)
            matrix.scales[1] = 0
            matrix.scales[2] = 3
            let x = (0..<13 * inputs).map { $0 < inputs ? Float(-1) : Float.random(in: -3...3, using: &random) }
            let expected = (0..<13).flatMap { row in
                let x = scalar.quantise(row: Array(x[row * inputs..<(row + 1) * inputs]), group: format.group)
                return (0..<outputs).map { output in
                    var sum: Float = 0
                    for g in 0..<matrix.groups {
                        let columns = g * format.group..<min((g + 1) * format.group, inputs)
                        let dot = columns.reduce(0) {
                            $0 + x.codes[$1] * (Int(matrix.codes[output * inputs + $1]) - (format.bits == 4 ? 8 : 128))
                        }
                        sum.addProduct(Float(dot) * matrix.scale(output, g), x.scales[g])
                    }
                    return sum.bitPattern
                }
            }
            let panels = matrix.panels
            for kernels in KernelCalls.all {
                for rows in [1, 2, 5, 7, 12, 13] {
                    let found = kernels.multiplyKept(
                        Array(x.prefix(rows * inputs)), panels, format, rows: rows, inputs: inputs, outputs: outputs)
                    #expect(found.map(\.bitPattern) == Array(expected.prefix(rows * outputs)), "\(kernels), \(rows) rows")
                }
            }
        }
    }

    @Test(arguments: formats) func panelsGiveTheirRowsBack(_ format: KeptFormat) {
        var random = SplitMix(seed: 6)
        for (outputs, inputs) in [(1, 1), (17, 33), (20, 257)] {
            let matrix = Matrix(format, outputs: outputs, inputs: inputs, &random)
            let size = WeightFormat.kept(format).panelByteCount(inputs: inputs)
            #expect(size % 64 == 0 && size == moed_kept_panel_bytes(Int32(format.bits), inputs, format.group))
            let panels = matrix.panels
            for output in 0..<outputs {
                let panel = Array(panels[output / 16 * size..<(output / 16 + 1) * size])
                let row = Self.row(panel, output % 16, inputs, format)
                #expect(row.codes == Array(matrix.codes[output * inputs..<(output + 1) * inputs]))
                #expect(row.scales == Array(matrix.scales[output * matrix.groups..<(output + 1) * matrix.groups]))
                var weights = [Float](repeating: .nan, count: inputs)
                unsafe moed_dequantise_kept_row(
                    &weights, panel, output % 16, inputs, Int32(format.bits), format.scales == .f16 ? 0 : 1, format.group)
                #expect(weights == (0..<inputs).map { matrix.weight(output, $0) })
            }
        }
    }

    private static func row(_ panel: [UInt8], _ row: Int, _ inputs: Int, _ format: KeptFormat) -> (codes: [UInt8], scales: [UInt16]) {
        var codes = [UInt8](repeating: 99, count: inputs)
        var scales = [UInt16](repeating: 99, count: (inputs + format.group - 1) / format.group)
        unsafe moed_kept_row(&codes, &scales, panel, row, inputs, Int32(format.bits), format.group)
        return (codes, scales)
    }

    // MARK: Checkpoints and packs

    private static let folder = Fixtures.packageRoot.appending(path: "Tests/Fixtures/quantised/recorded")

    /// Codes times scales are the weights, bit for bit, and a pack holds the same codes and scales.
    @Test(arguments: ["gptq4-v1-sym", "gptq4-v1-128", "gptq8-v1-sym", "auto-round-gptq-sym", "gptq-dynamic"])
    func packsKeepCodesAndScales(_ name: String) throws {
        let checkpoint = try Checkpoint.open(Self.folder.appending(path: name).path)
        #expect(try Self.compare(checkpoint) > 3)
    }

    /// - Returns: the number of matrices that were kept.
    private static func compare(_ checkpoint: Checkpoint) throws -> Int {
        let target = try TemporaryFolder()
        guard case .pack(let pack) = try QuantisedRuns.pack(checkpoint, .keep, target.path("pack")) else { return 0 }
        var keptCount = 0
        for blob in pack.manifest.blobs where blob.format.contains("kept") {
            let file = try target.bytes("pack/\(blob.file.rawValue)")
            let isExpert = blob.file == .experts
            let shapes =
                isExpert
                ? try #require(checkpoint.configuration.shape.expert).matrices
                : [("", try #require(checkpoint.matrices.first { $0.name == blob.name }).shape)]
            let names = blob.format.split(separator: "+").map(String.init)
            let formats = try shapes.indices.map { try #require(WeightFormat(names.count == 1 ? names[0] : names[$0])) }
            var offset = blob.offset
            for ((part, shape), format) in zip(shapes, formats) {
                let size = format.panelByteCount(inputs: shape.inputs)
                defer { offset += ((shape.outputs + 15) / 16 * size + 63) / 64 * 64 }
                guard case .kept(let kept) = format else { continue }
                let source = try checkpoint.naming.matrix(part.isEmpty ? blob.name : "\(blob.name).\(part)", shape, in: checkpoint)
                let rows = try #require(source as? any KeptRows)
                #expect(try rows.keptFormat() == kept)
                let all = try rows.keptCodes(0..<shape.outputs)
                let groups = (shape.inputs + kept.group - 1) / kept.group
                for output in 0..<shape.outputs {
                    let start = offset + output / 16 * size
                    let row = row(Array(file[start..<start + size]), output % 16, shape.inputs, kept)
                    #expect(row.codes == Array(all.codes[output * shape.inputs..<(output + 1) * shape.inputs]))
                    #expect(row.scales == Array(all.scales[output * groups..<(output + 1) * groups]))
                }
                var weights = [Float](repeating: .nan, count: shape.count)
                try source.rows(0..<shape.outputs, into: &weights)
                let products = all.codes.indices.map { place in
                    let scale = value(all.scales[place / shape.inputs * groups + place % shape.inputs / kept.group], kept.scales)
                    return Float(Int(all.codes[place]) - (kept.bits == 4 ? 8 : 128)) * scale
                }
                #expect(products == weights, "\(blob.name)")
                let part = try rows.keptCodes(1..<3)
                #expect(part.codes == Array(all.codes[shape.inputs..<3 * shape.inputs]))
                #expect(part.scales == Array(all.scales[groups..<3 * groups]))
                keptCount += 1
            }
        }
        return keptCount
    }

    /// The checkpoint itself, kept in memory, is its pack: same weights, same probabilities, near the exact ones.
    @Test(arguments: ["gptq4-v1-sym", "gptq8-v1-sym", "gptq-dynamic"]) func checkpointsRunAsTheirPacks(_ name: String) throws {
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
        #expect(try Self.compare(try Checkpoint.open(folder.path("model.gguf"))) == 10)
        // Q4_1 keys beside Q8_0 queries: the three have one quant group or none.
        for index in gguf.tensors.indices where gguf.tensors[index].name == "blk.0.attn_k.weight" {
            gguf.tensors[index] = Self.blocks("blk.0.attn_k.weight", [32, 32], type: 3, &random)
        }
        try folder.write("mixed.gguf", gguf.bytes)
        let mixed = try Checkpoint.open(folder.path("mixed.gguf"))
        #expect(try Self.compare(mixed) == 7)
        guard case .pack(let pack) = try QuantisedRuns.pack(mixed, .keep, folder.path("pack")) else { return }
        let formats = Dictionary(uniqueKeysWithValues: pack.manifest.blobs.map { ($0.name, $0.format) })
        for matrix in ["q", "k", "v"] { #expect(formats["model.layers.0.self_attn.\(matrix)_proj"] == "int8/32") }
        #expect(formats["model.layers.0.self_attn.o_proj"] == "kept4/32/f16")
        #expect(formats["model.layers.0.mlp.experts.1"] == "kept8/32/f16+kept8/32/f16+kept4/32/f16")
        #expect(formats["model.layers.0.mlp.gate"] == "f32" || formats["model.layers.0.mlp.gate"] == "bf16")
    }

    private static func blocks(_ name: String, _ sizes: [UInt64], type: UInt32, _ random: inout SplitMix) -> TestGGUF.Tensor {
        let count = Int(sizes.reduce(1, *)) / 32
        let bytes = (0..<count).flatMap { _ -> [UInt8] in
            let scale = half(Float.random(in: -0.01...0.01, using: &random), .f16)
            let size = type == 8 ? 32 : type == 3 ? 18 : 16
            let head = [UInt8(scale & 0xFF), UInt8(scale >> 8)] + (type == 3 ? [0, 0x20] : [])
            return head + (0..<size - (type == 3 ? 2 : 0)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        return TestGGUF.Tensor(name, sizes, type: type, bytes: bytes)
    }

    /// One layer of two experts; gates and ups in Q8_0, downs and the attention's output in Q4_0.
    private static func model(_ random: inout SplitMix) -> TestGGUF {
        var gguf = TestGGUF()
        for (key, value) in [("embedding_length", 32), ("expert_feed_forward_length", 64)] as [(String, UInt32)] {
            gguf.set("qwen3moe.\(key)", .u32(value))
        }
        for key in ["key_length", "value_length"] { gguf.set("qwen3moe.attention.\(key)", .u32(32)) }
        gguf.tensors = [
            TestGGUF.Tensor("token_embd.weight", [32, 4]), TestGGUF.Tensor("output_norm.weight", [32]),
            TestGGUF.Tensor("blk.0.attn_norm.weight", [32]), TestGGUF.Tensor("blk.0.ffn_norm.weight", [32]),
            TestGGUF.Tensor("blk.0.attn_q_norm.weight", [32]), TestGGUF.Tensor("blk.0.attn_k_norm.weight", [32]),
            TestGGUF.Tensor("blk.0.ffn_gate_inp.weight", [32, 2]),
        ]
        for name in ["q", "k", "v"] { gguf.tensors.append(blocks("blk.0.attn_\(name).weight", [32, 32], type: 8, &random)) }
        gguf.tensors.append(blocks("blk.0.attn_output.weight", [32, 32], type: 2, &random))
        for name in ["gate", "up"] { gguf.tensors.append(blocks("blk.0.ffn_\(name)_exps.weight", [32, 64, 2], type: 8, &random)) }
        gguf.tensors.append(blocks("blk.0.ffn_down_exps.weight", [64, 32, 2], type: 2, &random))
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
