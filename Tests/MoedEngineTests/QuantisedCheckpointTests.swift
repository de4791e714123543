import Foundation
import MoedCore
import MoedEngine
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// Quantised checkpoints against the libraries that write them: tiny models, made by
/// `Tests/Fixtures/quantised/quantise.py`.
@Suite struct QuantisedCheckpointTests {
    /// Largest difference of log-probabilities that rounding explains.
    private static let tolerance = 3e-4

    @Test(
        .enabled(
            if: TestPython.complete != nil,
            "no transformers: run .ci/venv, which installs it and compressed-tensors"),
        .timeLimit(.minutes(60)))
    func sameWeightsAsTheLibraries() async throws {
        let models = try TemporaryFolder()
        let script = Fixtures.packageRoot.appending(path: "Tests/Fixtures/quantised/quantise.py").path
        let result = try await Command.run(
            try #require(TestPython.complete), ["-B", script, models.path, "--seed", "20260302"])
        try #require(result.status == 0, "\(result.output.suffix(2000))")
        let lines = try result.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(lines.count >= 30)
        for line in lines {
            let name = line["name"]?.string ?? ""
            do throws(EngineError) {
                let checkpoint = try Checkpoint.open(models.path(name))
                let reference = try Checkpoint.open(models.path("\(name).reference"))
                try Self.compareRows(checkpoint, reference, name)
                try Self.compareScores(checkpoint, reference, line)
                try Self.comparePacks(checkpoint, reference, name)
            } catch { Issue.record("\(name): \(error)") }
        }
    }

    private static func compareRows(_ one: Checkpoint, _ other: Checkpoint, _ name: String) throws(EngineError) {
        for matrix in one.matrices {
            let expected = try other.bits(matrix)
            #expect(try one.bits(matrix) == expected, "\(name): \(matrix.name)")
            let (outputs, inputs) = (matrix.shape.outputs, matrix.shape.inputs)
            for rows in [0..<1, outputs / 3..<outputs / 3 + 1, outputs / 4..<outputs * 5 / 7, outputs - 2..<outputs] {
                let part = Array(expected[rows.lowerBound * inputs..<rows.upperBound * inputs])
                #expect(try one.bits(matrix, rows) == part, "\(name): \(matrix.name) \(rows)")
            }
        }
    }

    /// Both run alike, and as transformers runs the reference.
    private static func compareScores(
        _ one: Checkpoint, _ other: Checkpoint, _ line: JSONValue
    ) throws(EngineError) {
        let ids = (line["ids"]?.array ?? []).compactMap(\.integer).map { TokenID($0) }
        let name = line["name"]?.string ?? ""
        let scores = try QuantisedRuns.score(.checkpoint(one), ids)
        #expect(try scores == QuantisedRuns.score(.checkpoint(other), ids), "\(name)")
        let expected = (line["logprobs"]?.array ?? []).compactMap(\.number)
        #expect(scores.count == expected.count && !expected.isEmpty, "\(name)")
        let worst = zip(scores, expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst <= tolerance, "\(name): \(worst)")
        #expect(one.unusedTensors == nil, "\(name): \(one.unusedTensors ?? "")")
    }

    /// A pack of the quantised checkpoint is one of its dequantised weights.
    private static func comparePacks(_ one: Checkpoint, _ other: Checkpoint, _ name: String) throws(EngineError) {
        let ids = (0..<20).map { TokenID($0 * 7 % 131) }
        for format in [WeightFormat.bf16, .int4(group: 32)] {
            let packs = try [one, other].map { (checkpoint) throws(EngineError) in
                try QuantisedRuns.pack(checkpoint, format, "\(checkpoint.modelFiles.path).\(format.bits).pack")
            }
            let scores = try QuantisedRuns.score(packs[0], ids)
            #expect(try scores == QuantisedRuns.score(packs[1], ids), "\(name): \(format)")
            if format == .bf16 { #expect(try scores == QuantisedRuns.score(.checkpoint(one), ids), "\(name)") }
        }
    }
}
