import MoedCore
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// Contract 2: the same job gives the same tokens, regardless of concurrent jobs and of chunking.
@Suite struct InvarianceTests {
    /// Jobs of several lengths, thinking and not, seeded, some with penalties.
    static func requests() throws -> [TestRequest] {
        let prompts = try SamplePrompt.all().prefix(32)
        return prompts.enumerated().map { index, prompt in
            var sampling = SamplingParameters(
                temperature: 0.9, topK: 20, topP: 0.95, seed: UInt64(index) * 7919)
            if index % 3 == 0 { sampling.presencePenalty = 0.5 }
            if index % 4 == 1 { sampling.repetitionPenalty = 1.1 }
            if index % 5 == 2 { sampling = .greedy }
            return TestRequest(
                prompt: prompt.promptIDs, newTokens: newTokens(index), sampling: sampling, choice: index % 2)
        }
    }

    static func newTokens(_ index: Int) -> Int {
        #if DEBUG
            3
        #else
            20 + index
        #endif
    }

    static let formats: [TestFormats] = [.stored, .int8, .int4, .int4Experts, .int4Dense]

    static func engine(
        threads: Int = 1, rows: Int = 512, kernels: String? = nil, _ formats: TestFormats = .stored
    ) throws -> Engine {
        try TestEngines.make(
            try SampleModelTests.checkpoint(), threads: threads, kvTokens: 32 * 256, rows: rows,
            sequences: 32,
            kernels: kernels, formats: formats)
    }

    @Test(arguments: formats) func outputsDependOnTheJobAlone(_ formats: TestFormats) throws {
        let requests = try Self.requests()
        let engine = try Self.engine(formats)
        let together = try engine.generate(requests, prefillChunk: 512)
        #expect(Set(together).count > 8, "the jobs differ")

        let alone = try requests.map { try engine.generate([$0], prefillChunk: 512)[0] }
        #expect(alone == together)
        var random = SplitMix(seed: 50)
        let order = requests.indices.shuffled(using: &random)
        let shuffled = try engine.generate(order.map { requests[$0] }, prefillChunk: 512)
        #expect(order.indices.map { shuffled[$0] } == order.map { together[$0] })
        #expect(try engine.generate(requests, prefillChunk: 7) == together)
        #expect(try Self.engine(rows: 40, formats).generate(requests, prefillChunk: 16) == together)
        #expect(try Self.engine(threads: 2, formats).generate(requests, prefillChunk: 512) == together)
    }

    @Test(arguments: KernelCalls.all.map(\.description)) func outputsDoNotDependOnTheProcessor(
        _ kernels: String
    ) throws {
        let count = kernels == "scalar" ? 3 : 32
        let requests = Array(try Self.requests().prefix(count))
        let expected = try Self.engine().generate(requests, prefillChunk: 512)
        let engine = try Self.engine(kernels: kernels)
        #expect(engine.kernelsName == kernels)
        #expect(try engine.generate(requests, prefillChunk: 512) == expected)
    }

    /// All logits have equal bits, which is stronger than equal tokens.
    @Test(arguments: formats) func logitsAreTheSameBits(_ formats: TestFormats) throws {
        let prompt = Array(try SamplePrompt.all()[0...].flatMap { $0.promptIDs }.prefix(150))
        func bits(_ engine: Engine) throws -> [[UInt32]] {
            try engine.logits(prompt).map { $0.map(\.bitPattern) }
        }
        let expected = try bits(Self.engine(formats))
        #expect(expected.count == 150)
        for rows in [1, 7, 64] {
            #expect(try bits(Self.engine(rows: rows, formats)) == expected, "chunks of \(rows)")
        }
        #expect(try bits(Self.engine(threads: 2, formats)) == expected)
        for kernels in KernelCalls.all {
            #expect(try bits(Self.engine(kernels: kernels.description, formats)) == expected)
        }
    }

    /// After other sequences have used and left the cache, their keys and values are without effect.
    @Test func usedBlocksLeaveNoTrace() throws {
        let requests = try Self.requests()
        let engine = try Self.engine()
        let first = try engine.generate(Array(requests.prefix(8)), prefillChunk: 512)
        _ = try engine.generate(Array(requests.suffix(20)), prefillChunk: 512)
        #expect(try engine.generate(Array(requests.prefix(8)), prefillChunk: 512) == first)
        #expect(engine.kvTokensFree == engine.limits.kvTokens)
    }
}
