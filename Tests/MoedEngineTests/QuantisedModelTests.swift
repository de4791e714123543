import Foundation
import MoedCore
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// Models with int8 and int4 weights against the same models as they are stored.
@Suite struct QuantisedModelTests {
    /// Allowed effect of a format on the sample model: mean KL divergence from the stored weights' probabilities, and
    /// the share of answers with changed greedy ids.
    struct Limit: CustomStringConvertible {
        var formats: TestFormats
        var divergence: Double
        var changed: Double

        var description: String { formats.description }
    }

    static let limits = [
        Limit(formats: .int8, divergence: 0.003, changed: 0.03),
        Limit(formats: .int4Experts, divergence: 0.02, changed: 0.1),
        Limit(formats: .int4, divergence: 0.02, changed: 0.1),
        Limit(formats: .int4Dense, divergence: 0.08, changed: 0.2),
    ]

    /// Fewer say little: where two experts are nearly as probable, one token can outweigh all others.
    private static let promptsLeast = 48

    @Test(arguments: limits) func staysCloseToTheStoredModel(_ limit: Limit) throws {
        let stored = try Self.sampleEngine(.stored)
        let quantised = try Self.sampleEngine(limit.formats)
        #expect(quantised.model.weightByteCount < stored.model.weightByteCount)
        let prompts = Array(
            try SamplePrompt.all().prefix(max(SampleModelTests.promptsMax, Self.promptsLeast)))
        var (divergence, tokens, changed) = (0.0, 0, 0)
        for prompt in prompts {
            let ids = prompt.promptIDs + prompt.outputIDs
            let expected = try stored.logits(ids)
            for (left, right) in zip(expected, try quantised.logits(ids)) {
                divergence += Self.divergence(left, right)
                tokens += 1
            }
        }
        for start in stride(from: 0, to: prompts.count, by: 32) {
            let part = prompts[start..<min(start + 32, prompts.count)]
            let outputs = try quantised.generate(
                part.map {
                    TestRequest(prompt: $0.promptIDs, newTokens: $0.outputIDs.count, stops: [637])
                }, prefillChunk: 512)
            changed += zip(part, outputs).filter { $0.outputIDs != $1 }.count
        }
        #expect(divergence / Double(tokens) < limit.divergence)
        #expect(Double(changed) <= limit.changed * Double(prompts.count))
    }

    private static func sampleEngine(_ formats: TestFormats) throws -> Engine {
        try TestEngines.make(
            try SampleModelTests.checkpoint(), threads: 2, kvTokens: 32 * 256, rows: 512, sequences: 32,
            formats: formats)
    }

    /// Σ p ln (p / q) of the two softmaxes.
    private static func divergence(_ p: [Float], _ q: [Float]) -> Double {
        func logProbabilities(_ logits: [Float]) -> [Double] {
            let most = Double(logits.max() ?? 0)
            let normaliser = most + log(logits.reduce(0.0) { $0 + exp(Double($1) - most) })
            return logits.map { Double($0) - normaliser }
        }
        return zip(logProbabilities(p), logProbabilities(q)).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
    }

    /// Logits of the random models, row by row: the median row's error relative to the row's spread. Not the
    /// worst row's: where two experts are nearly as probable, the other one may be taken, and then a random
    /// model says something else.
    @Test(arguments: GoldenModel.all)
    func logits(_ golden: GoldenModel) throws {
        let checkpoint = try Checkpoint(
            ModelFiles(directory: golden.directory.path, configurationName: golden.configurationFile))
        let tensors = try golden.tensors()
        let size = golden.vocabulary
        for (formats, limit) in [(TestFormats.int8, 0.12), (.int4Experts, 0.25), (.int4, 0.25)] {
            let engine = try TestEngines.make(checkpoint, formats: formats)
            var errors: [Double] = []
            for prompt in 1..<4 {
                let ids = try #require(tensors["p\(prompt).ids"]).integers
                let expected = try #require(tensors["p\(prompt).logits"]).floats
                for (row, logits) in try engine.logits(ids).enumerated() {
                    errors.append(Self.error(logits, Array(expected[row * size..<(row + 1) * size])))
                }
            }
            let median = errors.sorted()[errors.count / 2]
            #expect(errors.count == 2 + 7 + 33 && median < limit && median > 0, "\(formats)")
        }
    }

    /// Root mean square of the difference over that of the expected values about their mean.
    private static func error(_ values: [Float], _ expected: [Float]) -> Double {
        let mean = expected.reduce(0.0) { $0 + Double($1) } / Double(expected.count)
        let off = zip(values, expected).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        let size = expected.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        return (off / size).squareRoot()
    }

    /// Greedy ids of the dense model are the reference's until a step where two logits are close: closer than
    /// the logits' error of 5 % of their spread can make the difference of two.
    @Test(arguments: GoldenModel.dense)
    func greedyContinuations(_ golden: GoldenModel) throws {
        let checkpoint = try Checkpoint(
            ModelFiles(directory: golden.directory.path, configurationName: golden.configurationFile))
        let stored = try TestEngines.make(checkpoint)
        let engine = try TestEngines.make(checkpoint, formats: .int8)
        let tensors = try golden.tensors()
        var agreed = 0
        for prompt in 0..<6 {
            let ids = try #require(tensors["p\(prompt).ids"]).integers
            let expected = try #require(tensors["p\(prompt).greedy_ids"]).integers
            let request = TestRequest(prompt: ids, newTokens: expected.count)
            let output = try engine.generate([request], prefillChunk: 64)[0]
            let step = expected.indices.first { output[$0] != expected[$0] }
            agreed += step ?? expected.count
            guard let step else { continue }
            let logits = try stored.logits(ids + expected[..<step], lastOnly: true)[0]
            let lost = logits[Int(expected[step])] - logits[Int(output[step])]
            let mean = logits.reduce(0, +) / Float(logits.count)
            let squares = logits.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            let spread = (squares / Float(logits.count)).squareRoot()
            #expect(lost <= 0.25 * spread, "prompt \(prompt), step \(step)")
        }
        #expect(agreed >= 60)
    }
}
