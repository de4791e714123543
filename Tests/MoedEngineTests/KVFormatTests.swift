import Glibc
import MoedCore
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// Contract 2 for every KV format, and the accuracy loss of the smaller formats.
@Suite struct KVFormatTests {
    static func prompt() throws -> [TokenID] {
        Array(try SamplePrompt.all()[0...].flatMap { $0.promptIDs }.prefix(150))
    }

    static func logits(_ kv: KVFormat, threads: Int = 1, rows: Int = 512, kernels: String? = nil) throws
        -> [[Float]]
    {
        try TestEngines.make(
            try SampleModelTests.checkpoint(), threads: threads, kvTokens: 256, rows: rows, sequences: 1,
            kv: kv,
            kernels: kernels
        ).logits(prompt())
    }

    @Test(arguments: KVFormat.allCases) func logitsAreTheSameBits(_ kv: KVFormat) throws {
        func bits(_ logits: [[Float]]) -> [[UInt32]] { logits.map { $0.map(\.bitPattern) } }
        let expected = bits(try Self.logits(kv))
        #expect(expected.count == 150)
        for rows in [1, 7, 64] {
            #expect(bits(try Self.logits(kv, rows: rows)) == expected, "chunks of \(rows)")
        }
        #expect(bits(try Self.logits(kv, threads: 2)) == expected)
        for kernels in KernelCalls.all {
            #expect(bits(try Self.logits(kv, kernels: kernels.description)) == expected)
        }
    }

    /// B16: a model whose values are beyond the halves.
    @Test(arguments: [(KVFormat.f16, 2), (.f32, 0), (.int8, 0)])
    func clampedValuesAreCounted(_ kv: KVFormat, perToken: Int) throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        try checkpoint.write(
            "model.safetensors",
            TestCheckpoint.safetensors { name, index in name.contains("v_proj") ? 1e6 : Float(index + 1) / 8 })
        let engine = try TestEngines.make(
            try Checkpoint.open(checkpoint.path), kvTokens: 64, rows: 64, sequences: 1, kv: kv)
        _ = try engine.logits([1, 2, 3])
        #expect(engine.kvClamps.count == 3 * perToken)
    }

    /// Kullback-Leibler divergence to f32, in nats. A router that chooses another expert makes most of the mean, so the
    /// median shows the arithmetic.
    @Test(arguments: [(KVFormat.f16, 5e-4, 1e-5), (.int8, 5e-3, 1e-3)])
    func smallerFormatsStayClose(_ kv: KVFormat, mostMean: Double, mostMedian: Double) throws {
        let exact = try Self.logits(.f32).map(Self.logProbabilities)
        let other = try Self.logits(kv).map(Self.logProbabilities)
        let divergences = zip(exact, other).map { rows in
            zip(rows.0, rows.1).reduce(0.0) { $0 + exp($1.0) * ($1.0 - $1.1) }
        }.sorted()
        let mean = divergences.reduce(0, +) / Double(exact.count)
        let median = divergences[exact.count / 2]
        #expect(mean > 0 && mean < mostMean, "\(kv): \(mean)")
        #expect(median < mostMedian, "\(kv): \(median)")
    }

    private static func logProbabilities(_ logits: [Float]) -> [Double] {
        let most = Double(logits.max() ?? 0)
        let normaliser = most + log(logits.reduce(0.0) { $0 + exp(Double($1) - most) })
        return logits.map { Double($0) - normaliser }
    }
}
