import MoedReading
import MoedBatching
import MoedCore
import MoedHost
import MoedLocal
import MoedTools
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// Options and computed figures of `moed bench`. No test depends on the machine's speed.
@Suite struct BenchTests {
    @Test func numbersAreListsOrRefusedByName() throws {
        #expect(try BenchOptions.numbers("512,2048", option: "--prefill", max: 4096) == [512, 2048])
        #expect(try BenchOptions.numbers("", option: "--decode", max: 16) == [])
        for bad in ["0", "1,,2", "x", "17", "1,", "-1"] {
            #expect(throws: ConfigurationProblem.self, "\(bad)") {
                try BenchOptions.numbers(bad, option: "--decode", max: 16)
            }
        }
    }

    @Test func shapesCanBeCut() throws {
        let shape = try SyntheticShape("Qwen3-30B-A3B:layers=8,vocab=4096")
        #expect(shape.name == "qwen3-30b-a3b")
        #expect(shape.configuration.layers == 8 && shape.fullLayers == 48)
        #expect(shape.configuration.vocabulary == 4096)
        #expect(try SyntheticShape("0.6b").configuration.layers == 28)
        for bad in [
            "", "qwen4", "0.6b:layers=0", "0.6b:layers=29", "0.6b:vocab=8", "0.6b:heads=2", "0.6b:",
            "0.6b:layers",
        ] {
            #expect(throws: ConfigurationProblem.self, "\(bad)") { try SyntheticShape(bad) }
        }
    }

    /// Parameters of the technical report and the model cards, in thousands of millions.
    @Test(arguments: [
        ("qwen3-0.6b", 0.596), ("qwen3-1.7b", 1.721), ("qwen3-4b", 4.022), ("qwen3-8b", 8.191),
        ("qwen3-14b", 14.768), ("qwen3-32b", 32.762), ("qwen3-30b-a3b", 30.532), ("qwen3-235b-a22b", 235.094),
    ])
    func shapesHaveTheirPublishedParameters(_ name: String, _ billions: Double) throws {
        let shape = try SyntheticShape(name).configuration
        let summary = CheckpointSummary(shape, weightBytes: 0)
        #expect(abs(Double(summary.parameters) / 1e9 - billions) < 0.0006, "\(summary.parameters)")
    }

    @Test func activeWorkOfTheExpertModels() throws {
        for (name, billions) in [("qwen3-30b-a3b", 3.04), ("qwen3-235b-a22b", 21.57)] {
            let summary = CheckpointSummary(try SyntheticShape(name).configuration, weightBytes: 0)
            #expect(abs(Double(summary.multiplyAddsPerToken) / 1e9 - billions) < 0.01)
        }
    }

    /// Read rates over the whole time, and over the time with reads in flight.
    @Test func ratesOfReading() throws {
        var figures = StreamingFigures()
        (figures.hits, figures.misses, figures.bytesRead) = (3, 1, 600)
        figures.reading = .milliseconds(1500)
        let use = try #require(StreamingUse(before: StreamingFigures(), now: figures, seconds: 2, tokens: 10))
        #expect(use.bytesPerSecond == 300 && use.bytesPerReadingSecond == 400 && use.hitRate == 0.75)
        #expect(StreamingUse(before: figures, now: figures, seconds: 2, tokens: 10) == nil)
    }

    @Test func medianAndSpread() {
        #expect(Sample([3, 1, 2]).median == 2)
        #expect(Sample([4, 1, 2, 3]).median == 2.5)
        #expect(Sample([5]).spread == 0)
        #expect(Sample([1, 2, 3]).spread == 1)
    }

    @Test func theSlowerSideBinds() {
        let peaks = MachinePeaks(int8: 100, bf16: 0, f32: 10, read: 50)
        var cost = SweepCost()
        cost.int8.operations = 200
        cost.f32Operations = 10
        cost.bytes = 100
        #expect(peaks.limit(cost).seconds == 3)
        #expect(peaks.limit(cost).bound == .compute)
        cost.bytes = 500
        #expect(peaks.limit(cost).seconds == 10)
        #expect(peaks.limit(cost).bound == .memory)
        // Without instructions for bf16 it is computed as f32.
        cost.bf16Operations = 200
        #expect(peaks.limit(cost).seconds == 23)
    }

    /// 8 of 128 experts: 82 at 16 tokens, 126 at 64, as `peer.md` has it.
    @Test func expertsUsed() throws {
        let experts = try #require(try SyntheticShape("30b-a3b").configuration.experts)
        #expect(Qwen3Model.expertsUsed(experts, rows: 1) == 8)
        #expect(Int(Qwen3Model.expertsUsed(experts, rows: 16)) == 82)
        #expect(Int(Qwen3Model.expertsUsed(experts, rows: 64)) == 125)
        #expect(Qwen3Model.expertsUsed(experts, rows: 0) == 0)
    }

    @Test func layersRepeatAndTheOutputDoesNot() {
        let measurement = SweepMeasurement(
            kind: .decode, tokens: 4, context: 10, seconds: Sample([3, 3, 3]),
            layersSeconds: Sample([2, 2, 2]),
            cost: SweepCost(), readRate: 1)
        #expect(measurement.tokensPerSecond(layers: 2, of: 2) == 4.0 / 3)
        #expect(measurement.tokensPerSecond(layers: 2, of: 8) == 4.0 / 9)
    }

    @Test func tablesAreAligned() {
        var table = TextTable(header: ["run", "tokens/s"])
        table.add(["decode 128", HumanText.figure(1234.5)])
        table.add(["p", HumanText.figure(0.5)])
        #expect(table.lines == ["run         tokens/s", "decode 128      1235", "p                0.5"])
        #expect(HumanText.figure(12.345) == "12.3")
        #expect(HumanText.figure(.infinity) == "–")
        #expect(HumanText.percent(0.456) == "46 %")
    }
}
