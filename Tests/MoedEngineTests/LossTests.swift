import Foundation
import MoedCore
import MoedEngine
import MoedHost
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// Losses measured layer by layer are those of whole models.
@Suite struct LossTests {
    private static let formats: [LossMeasure.Formats] = [
        .init(experts: .bf16, dense: .bf16), .init(experts: .int8(group: 32), dense: .int8(group: 32)),
        .init(experts: .int4(group: 32), dense: .int8(group: 64)),
        .init(experts: .int4(group: 64), dense: .int4(group: 64)), .init(experts: .keep, dense: .keep),
    ]

    /// Mean Σ p (ln p − ln q), and the share of equal best tokens, from logits of whole models.
    private func expected(
        _ exact: Engine, _ other: Engine, _ texts: [[TokenID]], vocabulary: Int
    ) throws -> (divergence: Double, sameBest: Double) {
        var (sum, same, rows) = (0.0, 0, 0)
        for text in texts {
            for (p, q) in zip(try exact.logits(text), try other.logits(text)) {
                let (p, q) = (logProbabilities(p.prefix(vocabulary)), logProbabilities(q.prefix(vocabulary)))
                sum += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
                let best = [p, q].map { all in all.indices.max { (all[$0], $1) < (all[$1], $0) } }
                same += best[0] == best[1] ? 1 : 0
                rows += 1
            }
        }
        return (sum / Double(rows), Double(same) / Double(rows))
    }

    private func logProbabilities(_ logits: ArraySlice<Float>) -> [Double] {
        let most = Double(logits.max() ?? 0)
        let normaliser = most + log(logits.reduce(0) { $0 + exp(Double($1) - most) })
        return logits.map { Double($0) - normaliser }
    }

    private func check(_ checkpoint: Checkpoint, _ texts: [[TokenID]], vocabulary: Int) throws {
        let losses = try LossMeasure(checkpoint, texts: texts, vocabulary: vocabulary)
            .losses(in: Self.formats, threads: 2)
        func engine(_ formats: LossMeasure.Formats) throws -> Engine {
            let model = try Qwen3Model.load(checkpoint, experts: formats.experts, dense: formats.dense, threads: 2)
            return try TestEngines.make(
                checkpoint, threads: 2, kv: model.kvFormatDefault,
                formats: TestFormats(experts: formats.experts, dense: formats.dense))
        }
        let exact = try engine(Self.formats[0])
        for (formats, loss) in zip(Self.formats, losses) {
            let expected = try expected(exact, try engine(formats), texts, vocabulary: vocabulary)
            #expect(abs(loss.divergence - expected.divergence) < 1e-9, "\(formats)")
            #expect(loss.sameBest == expected.sameBest, "\(formats)")
        }
        #expect(losses[0].divergence == 0 && losses[0].relativeError == 0 && losses[0].sameBest == 1)
        // Smaller formats lose more.
        #expect(losses[1].divergence < losses[3].divergence && losses[1].relativeError < losses[3].relativeError)
        #expect(losses[1].byteCount < losses[0].byteCount)
        #expect(losses[2].relativeError < losses[3].relativeError || checkpoint.configuration.experts == nil)
    }

    /// Dense layers, mixed ones, shards, untied output, f32 weights.
    @Test(arguments: GoldenModel.all)
    func goldenModels(_ golden: GoldenModel) throws {
        let checkpoint = try Checkpoint(
            ModelFiles(directory: golden.directory.path, configurationName: golden.configurationFile))
        let texts: [[TokenID]] = [
            (0..<70).map { TokenID($0 * 37 % golden.vocabulary) }, [5], (0..<33).map { TokenID($0 * 11 % 97) },
        ]
        try check(checkpoint, texts, vocabulary: golden.vocabulary)
    }

    /// Ids that the tokenizer does not have are left out.
    @Test func theSampleModel() throws {
        let prompts = try SamplePrompt.all().prefix(2).map { Array(($0.promptIDs + $0.outputIDs).prefix(90)) }
        try check(try SampleModelTests.checkpoint(), prompts, vocabulary: 600)
    }

    /// The error of all weights is the packer's, of all tensors together.
    @Test func theErrorIsThePackers() throws {
        let folder = try TemporaryFolder()
        let checkpoint = try SampleModelTests.checkpoint()
        let formats = Self.formats[2]
        let report = try PackTests.pack(
            checkpoint, to: folder.path("pack"), experts: formats.experts, dense: formats.dense, measuresErrors: true)
        let sums = report.tensors.reduce((0.0, 0.0)) { ($0.0 + $1.squaredError, $0.1 + $1.squaredWeights) }
        let loss = try LossMeasure(checkpoint, texts: [[1, 2, 3]], vocabulary: 600).losses(in: [formats], threads: 1)
        #expect(abs(loss[0].relativeError - (sums.0 / sums.1).squareRoot()) < 1e-12)
    }

    @Test func refusals() throws {
        let checkpoint = try SampleModelTests.checkpoint()
        #expect(throws: EngineError.self) { try LossMeasure(checkpoint, texts: [[1, 1 << 20]], vocabulary: 600) }
        let interruption = Interruption()
        interruption.request()
        let error = #expect(throws: EngineError.self) {
            try LossMeasure(checkpoint, texts: [[1]], vocabulary: 600)
                .losses(in: Self.formats, threads: 1, interruption: interruption)
        }
        #expect(error?.code == .interrupted)
    }
}
