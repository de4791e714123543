import MoedCore
import MoedLocal
import MoedEngine
import MoedTools
import TestSupport
import Testing

@Suite struct ThroughputPlanTests {
    /// 1000 experts of 1 MB.
    private func plan(slots: Int?) throws -> MemoryPlan {
        let slotsMB = slots ?? 1000
        return try MemoryPlan(
            .init(
                budget: (slotsMB + 10) * 1_000_000, process: 0, dense: 0, activations: 0,
                kv: .init(block: 1_000_000, blocksMin: 10, blocksWanted: 10),
                experts: .init(byteCount: 1_000_000_000, count: 1000, place: 1_000_000, placesMin: 2)))
    }

    private func cost(operations: Double, bytes: Double) -> SweepCost {
        var cost = SweepCost()
        (cost.int8.operations, cost.bytes) = (operations, bytes)
        return cost
    }

    private static let rates = MachineRates(
        int8: .init(rate: 1e12, rowsPerWeight: 0.5), int4: .init(rate: 2e12, rowsPerWeight: 0.5), float: 1e11,
        inputsPerScaling: 16, exposed: 0.5, memory: 50e9, disk: 1e9)

    @Test(
        arguments: [
            // Slots, operations, bytes, experts used; bound, seconds.
            (nil, 1e12, 1e9, 1000, "compute", 1.01), (nil, 1e10, 10e9, 1000, "memory", 0.205),
            // Half of the shorter of compute and memory time is not hidden.
            // The cache keeps 500 of 1000 experts beside 16 places to read into: half a gigabyte. Under disk
            // time a quarter is not hidden. With few experts nothing is hidden, and half a read per layer is
            // added for each of 8 layers.
            (516, 1e11, 2e9, 1000, "disk", 0.53), (516, 6e11, 2e9, 1000, "compute", 0.745),
            (516, 4e9, 1e9, 100, "disk", 0.076),
        ] as [(Int?, Double, Double, Double, String, Double)])
    func theSlowestBinds(
        _ slots: Int?, _ operations: Double, _ bytes: Double, _ used: Double, _ bound: String,
        _ seconds: Double
    ) throws {
        let sweep = ThroughputPlan(
            tokens: 64, cost: cost(operations: operations, bytes: bytes), plan: try plan(slots: slots),
            expertsUsed: used, layers: 8, staging: 16, rates: Self.rates)
        #expect(sweep.bound.rawValue == bound)
        #expect(abs(sweep.seconds - seconds) < 1e-9 && abs(sweep.tokensPerSecond - 64 / seconds) < 1e-6)
        #expect((sweep.breakEvenTokens != nil) == (bound == "disk"))
    }

    /// Rows that use a weight share its cost beside the products.
    @Test func fewRowsTakeLonger() throws {
        func compute(rows: Double) throws -> Double {
            var cost = cost(operations: 2 * rows * 1e9, bytes: 0)
            cost.int8.weights = 1e9
            return try ThroughputPlan(
                tokens: 1, cost: cost, plan: plan(slots: nil), expertsUsed: 0, layers: 1, staging: 1,
                rates: Self.rates
            ).compute
        }
        let added = try compute(rows: 100) - compute(rows: 99)
        #expect(try compute(rows: 1) > 1.25 * added && compute(rows: 100) < 101 * added)
    }

    /// Scaling a group's sum takes as long as the products of 16 more inputs.
    @Test func smallGroupsTakeLonger() throws {
        func compute(group: Double) throws -> Double {
            var cost = SweepCost()
            cost.int8 = .init(operations: 2e12, scalings: 1e12 / group)
            return try ThroughputPlan(
                tokens: 1, cost: cost, plan: plan(slots: nil), expertsUsed: 0, layers: 1, staging: 1,
                rates: Self.rates
            ).compute
        }
        #expect(try abs(compute(group: 32) - 3) < 1e-9 && abs(compute(group: 128) - 2.25) < 1e-9)
    }

    /// Options for described hardware and the whole of the largest model.
    private static func largest(
        budget: Int, _ workload: WorkloadSource? = nil
    ) throws -> Planning.Options {
        var model = ModelOptions(directory: "")
        model.budget = .bytes(budget)
        (model.sequences, model.rowsPerSweep) = (64, 512)
        var options = Planning.Options(
            model: model, synthetic: try SyntheticShape("qwen3-235b-a22b"), context: 512)
        (options.cores, options.disk, options.memory) = (32, 7e9, 240e9)
        options.workload = workload
        return options
    }

    @Test func atFullScale() throws {
        let lines = try Planning.report(
            Self.largest(budget: 100 << 30))
        #expect(lines[0].contains("94 layers") && lines[1].contains("of 12032 experts"))
        #expect(
            lines.contains { $0.hasPrefix("decode 64") } && lines.contains { $0.hasPrefix("prefill 512") })
        #expect(lines.contains { $0.contains("would hold every expert") })
        #expect(throws: ConfigurationProblem.self) {
            try Planning.report(
                Self.largest(budget: 1 << 30))
        }
    }

    /// A sweep of n rows takes n seconds, for prompt rows and decoding rows alike.
    @Test func aWorkloadGoesThroughThePlanner() throws {
        let everything = try plan(slots: nil)
        let engine = PlannedEngine(
            limits: EngineLimits(
                contextLength: 4096, kvTokens: 4096, kvBlockTokens: 32, sequencesMax: 2, rowsPerSweepMax: 64)
        ) { rows, _, _ in
            var plan = ThroughputPlan(
                tokens: rows, cost: SweepCost(),
                plan: everything, expertsUsed: 0, layers: 1, staging: 1, rates: Self.rates)
            plan.compute = Double(rows)
            return plan
        }
        let jobs = (0..<4).map { _ in WorkloadJob.lengths(prompt: 100, new: 11, mode: .nonThinking) }
        let tasks = try WorkloadTasks(limits: engine.limits, vocabulary: 100, preparer: nil).tasks(jobs)
        let forecast = try WorkloadForecast(tasks, on: engine)
        #expect(forecast.jobs == 4 && forecast.promptTokens == 400 && forecast.generatedTokens == 44)
        // The last token is sampled and never fed.
        #expect(forecast.total == 4 * 110 && forecast.seconds.keys.elementsEqual([.compute]))
        #expect((1...2).contains(forecast.meanRunning))
        #expect(
            forecast.lines[0].contains("4 jobs of 400 prompt and at most 44 new tokens: 7 min, 32.7 jobs/h"))
    }

    @Test func aWorkloadAtFullScale() throws {
        func lines(_ workload: String) throws -> [String] {
            try Planning.report(
                Self.largest(budget: 100 << 30, try WorkloadSource(workload)))
        }
        #expect(try lines("mixed:100").contains { $0.hasPrefix("workload: 100 jobs of ") })
        #expect(throws: ConfigurationProblem.self) { try lines("mixed:10001") }
        let folder = try TemporaryFolder()
        try folder.write("jobs.jsonl", Array(#"{"prompt_tokens": 50000, "new_tokens": 40}"#.utf8))
        #expect(throws: ConfigurationProblem.self) { try lines(folder.path("jobs.jsonl")) }
    }
}
