import Foundation
import MoedCore
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// The forward pass against logits, traces and greedy continuations of the reference implementation.
struct GoldenTests {
    /// The reference is within 7e-5 of float64; a wrong norm epsilon moves logits by 5e-4.
    static let logitTolerance: Float = 3e-4
    static let traceTolerance: Float = 2e-4
    static let weightTolerance: Float = 1e-5

    static func engine(_ golden: GoldenModel) throws -> Engine {
        let checkpoint = try Checkpoint(
            ModelFiles(directory: golden.directory.path, configurationName: golden.configurationFile))
        return try TestEngines.make(checkpoint)
    }

    @Test(arguments: GoldenModel.all) func logits(_ golden: GoldenModel) throws {
        let engine = try Self.engine(golden)
        let tensors = try golden.tensors()
        var compared = 0
        for prompt in 0..<6 {
            let ids = try #require(tensors["p\(prompt).ids"]).integers
            let expected = try #require(tensors["p\(prompt).logits"])
            let lastOnly = expected.shape[0] < ids.count
            let logits = try engine.logits(ids, lastOnly: lastOnly).flatMap { $0 }
            #expect(largestDifference(logits, expected.floats) <= Self.logitTolerance, "prompt \(prompt)")
            compared += logits.count
        }
        #expect(compared == (1 + 2 + 7 + 33 + 1 + 1) * golden.vocabulary)
    }

    @Test(arguments: GoldenModel.all) func trace(_ golden: GoldenModel) throws {
        let engine = try Self.engine(golden)
        let tensors = try golden.tensors()
        let ids = try #require(tensors["p3.ids"]).integers
        var seen: Set<String> = []
        var differences: [String: Float] = [:]
        var wrongExperts: [String] = []
        try engine.trace(ids) { tensor in
            let layer = tensor.layer.map { "trace.layer\($0)." } ?? "trace."
            let name =
                switch tensor.name {
                case .embedding: layer + "embed"
                case .attentionOutput: layer + "attn_out"
                case .feedForwardOutput: layer + "mlp_out"
                case .layerOutput: layer + "out"
                case .routerLogits: layer + "router_logits"
                case .expertIDs: layer + "topk_ids"
                case .expertWeights: layer + "topk_weights"
                case .finalNorm: layer + "final_norm"
                }
            seen.insert(name)
            guard let expected = tensors[name] else { return }
            if tensor.name == .expertIDs {
                if tensor.values.map({ Int32($0) }) != expected.integers { wrongExperts.append(name) }
            } else {
                differences[name] = largestDifference(tensor.values, expected.floats)
            }
        }
        #expect(differences["trace.final_norm"] != nil)

        let recorded = Set(tensors.keys.filter { $0.hasPrefix("trace.") && $0 != "trace.rope_inv_freq" })
        #expect(seen == recorded)
        #expect(wrongExperts == [])
        for (name, difference) in differences {
            let limit = name.hasSuffix("topk_weights") ? Self.weightTolerance : Self.traceTolerance
            #expect(difference <= limit, "\(name)")
        }
        let frequencies = try #require(tensors["trace.rope_inv_freq"]).floats
        let relative = zip(engine.model.inverseFrequencies, frequencies).map { abs($0 - $1) / $1 }
        #expect(relative.count == frequencies.count)
        #expect(try #require(relative.max()) < 1e-6)
    }

    /// All six prompts side by side, 32 tokens each.
    @Test(arguments: GoldenModel.all) func greedyContinuations(_ golden: GoldenModel) throws {
        let engine = try Self.engine(golden)
        let tensors = try golden.tensors()
        var prompts: [[TokenID]] = []
        var expected: [[TokenID]] = []
        for prompt in 0..<6 {
            prompts.append(try #require(tensors["p\(prompt).ids"]).integers)
            expected.append(try #require(tensors["p\(prompt).greedy_ids"]).integers)
        }
        let requests = prompts.map { TestRequest(prompt: $0, newTokens: 32) }
        let outputs = try engine.generate(requests, prefillChunk: 64)
        for prompt in 0..<6 { #expect(outputs[prompt] == expected[prompt], "prompt \(prompt)") }
    }

    /// A token's score is its logit's log-softmax; the best ids are the recorded greedy choices.
    @Test(arguments: GoldenModel.sparse) func scores(_ golden: GoldenModel) throws {
        let engine = try Self.engine(golden)
        let tensors = try golden.tensors()
        let ids = try #require(tensors["p3.ids"]).integers
        let logits = try #require(tensors["p3.logits"]).floats
        let scores = try engine.score(ids, top: 3)
        #expect(scores.count == ids.count)
        for (index, score) in scores.enumerated() {
            let size = golden.vocabulary
            let row = logits[index * size..<(index + 1) * size].map(Double.init)
            let most = try #require(row.max())
            let normaliser = most + log(row.reduce(0) { $0 + exp($1 - most) })
            if index + 1 < ids.count {
                let logprob = try #require(score.logprob)
                #expect(abs(logprob - (row[Int(ids[index + 1])] - normaliser)) < 5e-4)
            }
            let best = row.indices.sorted { row[$0] > row[$1] }.prefix(3)
            #expect(score.top.map { Int($0.id) } == Array(best))
        }
    }
}

func largestDifference(_ left: [Float], _ right: [Float]) -> Float {
    guard left.count == right.count else { return .infinity }
    // `max` would drop a NaN.
    return zip(left, right).reduce(0) { largest, pair in
        let difference = abs(pair.0 - pair.1)
        return difference > largest || difference.isNaN ? difference : largest
    }
}
