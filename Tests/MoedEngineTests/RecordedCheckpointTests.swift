import Foundation
import MoedCore
import MoedEngine
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// Tiny models that GPTQModel, AutoAWQ, auto-round and compressed-tensors have packed: `Tests/Fixtures/quantised`.
@Suite struct RecordedCheckpointTests {
    static let folder = Fixtures.packageRoot.appending(path: "Tests/Fixtures/quantised/recorded")
    /// Largest difference of log-probabilities that rounding explains.
    private static let tolerance = 3e-4

    static let names: [String] = {
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (names ?? []).sorted()
    }()

    private static func expected(_ name: String) throws -> JSONValue {
        try JSONValue(parsing: Fixtures.bytes(folder.appending(path: "\(name)/expected.json")))
    }

    /// FNV-1a over bit patterns, as `record.py` has it.
    private static func digest(_ bits: [UInt32]) -> String {
        let value = bits.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    @Test func everyLibraryIsThere() throws {
        let libraries = Set(try Self.names.map { try Self.expected($0)["library"]?.string ?? "" })
        #expect(libraries.count == 5 && Self.names.count >= 25, "\(libraries)")
    }

    @Test(arguments: names)
    func sameWeightsAsTheLibrary(_ name: String) throws {
        let checkpoint = try Checkpoint.open(Self.folder.appending(path: name).path)
        let digests = try Self.expected(name)["digests"]
        let matrices = checkpoint.matrices
        #expect(digests?.object?.count == matrices.count)
        for matrix in matrices {
            let all = try checkpoint.bits(matrix)
            #expect(Self.digest(all) == digests?[matrix.name]?.string, "\(name): \(matrix.name)")
            let (outputs, inputs) = (matrix.shape.outputs, matrix.shape.inputs)
            for rows in [0..<1, outputs / 3..<outputs / 3 + 1, outputs / 4..<outputs * 5 / 7, outputs - 2..<outputs] {
                let part = Array(all[rows.lowerBound * inputs..<rows.upperBound * inputs])
                #expect(try checkpoint.bits(matrix, rows) == part, "\(name): \(matrix.name) \(rows)")
            }
        }
    }

    /// The model runs as transformers runs the dequantised weights, and so does its pack. Quantised packs are those of
    /// the dequantised weights.
    @Test(arguments: names)
    func sameLogProbabilities(_ name: String) throws {
        let folder = try TemporaryFolder()
        let checkpoint = try Checkpoint.open(Self.folder.appending(path: name).path)
        let expected = try Self.expected(name)
        let ids = (expected["ids"]?.array ?? []).compactMap(\.integer).map { TokenID($0) }
        let scores = try QuantisedRuns.score(.checkpoint(checkpoint), ids)
        let others = (expected["logprobs"]?.array ?? []).compactMap(\.number)
        #expect(scores.count == others.count && !others.isEmpty)
        let worst = zip(scores, others).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst <= Self.tolerance, "\(worst)")
        #expect(checkpoint.unusedTensors == nil, "\(checkpoint.unusedTensors ?? "")")

        let plain = try PlainCopy.write(checkpoint)
        let reference = try Checkpoint.open(plain.path)
        #expect(try QuantisedRuns.score(.checkpoint(reference), ids) == scores)
        for format in [WeightFormat.bf16, .int8(group: 64), .int4(group: 32)] {
            let pack = try QuantisedRuns.pack(checkpoint, format, folder.path("one.\(format.bits)"))
            let other = try QuantisedRuns.pack(reference, format, folder.path("other.\(format.bits)"))
            #expect(try QuantisedRuns.score(pack, ids) == QuantisedRuns.score(other, ids), "\(format)")
            if format == .bf16 { #expect(try QuantisedRuns.score(pack, ids) == scores) }
        }
    }

    /// A quantised output matrix beside a configuration that ties it to the embedding.
    @Test func anOutputMatrixOfItsOwnIsUsed() throws {
        let checkpoint = try Checkpoint.open(Self.folder.appending(path: "gptq4-lm_head").path)
        #expect(!checkpoint.configuration.tiedEmbeddings)
        let remarks = checkpoint.configuration.remarks.joined(separator: "\n")
        #expect(remarks.contains("lm_head.qweight differs from model.embed_tokens.weight"), "\(remarks)")
    }
}

extension RecordedCheckpointTests {
    /// modelopt's NVFP4 has other names, and multiplies by the scale of the matrix.
    @Test func theSameCodesAsModelopt() throws {
        var model = try StoredModel(Self.folder.appending(path: "nvfp4"))
        let scales = model.tensors.keys.filter { $0.hasSuffix(".weight_global_scale") }
        #expect(scales.count > 3)
        // Powers of two, so that both ways of scaling are exact.
        for name in scales { model.set(name, at: 0, to: Int32(bitPattern: Float(512).bitPattern)) }
        let ids = (0..<12).map { TokenID($0 * 5 % 19) }
        func score() throws -> [Double] {
            let written = try model.write()
            return try QuantisedRuns.score(.checkpoint(try Checkpoint.open(written.path)), ids)
        }
        let usual = try score()
        for name in scales { model.set(name, at: 0, to: Int32(bitPattern: Float(1.0 / 512).bitPattern)) }
        model.rename { $0.replacing("weight_packed", with: "weight").replacing("weight_global_scale", with: "weight_scale_2") }
        model.configuration["quantization_config"] = ["quant_method": "modelopt", "quant_algo": "NVFP4"]
        #expect(try score() == usual)
    }
}
