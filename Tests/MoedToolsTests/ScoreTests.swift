import Foundation
import MoedCore
import MoedLocal
import MoedTools
import TestSupport
import Testing

/// `moed score` on the sample model, without the command line.
struct ScoreTests {
    private func score(_ line: JSONValue, traces: Bool) throws -> JSONValue {
        var options = ModelOptions(directory: Fixtures.sampleModel.path)
        options.threads = 1
        options.sequences = 1
        let runner = try ModelRunner.load(options) { _, _, _ in }
        let tokenizer = runner.preparer.text.tokenizer
        return try ScoreFilter.score(line, engine: runner.engine, tokenizer: tokenizer, top: 0, traces: traces)
    }

    @Test func intermediateResultsAreSummedUpPerLayer() throws {
        let plain = try score(["text": "What is 27 + 58?"], traces: false)
        let traced = try score(["text": "What is 27 + 58?"], traces: true)
        #expect(plain["trace"] == nil)
        #expect(traced["logprobs"] == plain["logprobs"])
        let trace = try #require(traced["trace"]?.array)
        // Six sparse layers with five results each, embedding and final norm.
        #expect(trace.count == 6 * 5 + 2)
        #expect(trace.first?["name"] == "embedding" && trace.first?["layer"] == .null)
        #expect(trace.last?["name"] == "finalNorm")
        for layer in 0..<6 {
            let names = trace.filter { $0["layer"] == .integer(Int64(layer)) }.compactMap { $0["name"]?.string }
            #expect(
                Set(names) == [
                    "attentionOutput", "routerLogits", "expertWeights", "feedForwardOutput", "layerOutput",
                ])
        }
        for entry in trace { #expect((entry["rms"]?.number ?? 0) > 0, "\(entry.serialized())") }
    }
}
