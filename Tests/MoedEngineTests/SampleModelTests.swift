import Foundation
import MoedCore
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// The trained sample model against its recorded outputs.
@Suite struct SampleModelTests {
    /// Number of tested prompts. Unoptimised kernels are slow, so debug builds test only a few.
    #if DEBUG
        static let promptsMax = 4
    #else
        static let promptsMax = 200
    #endif

    static func checkpoint() throws -> Checkpoint { try Checkpoint.open(Fixtures.sampleModel.path) }

    @Test(arguments: [ReasoningMode.thinking, .nonThinking]) func greedyOutputs(_ mode: ReasoningMode) throws
    {
        let engine = try TestEngines.make(
            try Self.checkpoint(), threads: 2, kvTokens: 32 * 256, rows: 512, sequences: 32)
        let prompts = Array(try SamplePrompt.all().filter { $0.mode == mode }.prefix(Self.promptsMax))
        #expect(prompts.count == Self.promptsMax)
        var compared = 0
        for start in stride(from: 0, to: prompts.count, by: 32) {
            let batch = Array(prompts[start..<min(start + 32, prompts.count)])
            let requests = batch.map {
                TestRequest(prompt: $0.promptIDs, newTokens: $0.outputIDs.count, stops: [637])
            }
            let outputs = try engine.generate(requests, prefillChunk: 512)
            // The reference's own largest logit error is 4e-5.
            for (prompt, output) in zip(batch, outputs) where prompt.minLogitGap > 1e-3 {
                #expect(output == prompt.outputIDs, "prompt \(prompt.id)")
                compared += 1
            }
        }
        #expect(compared > Self.promptsMax * 9 / 10)
    }

    @Test func inspection() throws {
        let checkpoint = try Self.checkpoint()
        let summary = checkpoint.summary
        #expect(summary.parameters == 2_750_464)
        #expect(summary.weightBytes == 2 * 2_750_464)
        // Per layer query and output 128 · 128, key and value 64 · 128, router 16 · 128, 4 experts 3 · 64 ·
        // 128.
        let layer = 2 * 128 * 128 + 2 * 64 * 128 + 16 * 128 + 4 * 3 * 64 * 128
        #expect(summary.multiplyAddsPerToken == 6 * layer + 640 * 128)
        #expect(summary.activeParameters == 6 * (layer + 2 * 128 + 2 * 32) + 128 + 640 * 128)
        #expect(summary.keyValueBytesPerToken == 6 * 2 * 2 * 32 * 4)
        #expect(checkpoint.generationDefaults.temperature == 0.6)
        #expect(checkpoint.generationDefaults.eosTokenIDs == [637, 635])
    }

    @Test func loadingShowsItsProgress() throws {
        var shown: [Int] = []
        var totals: Set<Int> = []
        _ = try Qwen3Model.load(try Self.checkpoint(), threads: 2) { loaded, total in
            shown.append(loaded)
            totals.insert(total)
        }
        #expect(shown == shown.sorted() && shown.first == 0)
        // Norms are read at once; the rest is counted.
        #expect(totals == [2 * (2_750_464 - 6 * (2 * 128 + 2 * 32) - 128)])
        #expect(shown.last == totals.first)
    }
}
