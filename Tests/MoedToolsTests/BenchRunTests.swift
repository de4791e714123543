import Foundation
import MoedBatching
import MoedCore
import MoedLocal
import MoedTools
import TestSupport
import Testing

/// Small end-to-end runs: the tests check the report, not the speed.
@Suite(.serialized) struct BenchRunTests {
    func options(
        shape: SyntheticShape? = nil, experts: String = "auto", dense: String = "auto",
        workload: BenchOptions.Workload? = nil
    ) -> BenchOptions {
        var model = ModelOptions(directory: Fixtures.sampleModel.path)
        model.formats = FormatChoice(experts: experts, dense: dense)
        model.threads = 2
        model.prefillChunk = 32
        return BenchOptions(
            model: model, synthetic: shape, prefill: [16, 40], decode: [1, 3], context: 5, repeats: 2,
            workload: workload)
    }

    func check(_ report: (lines: [String], json: JSONValue), hasFullModel: Bool) throws {
        let runs = try #require(report.json["runs"]?.array)
        #expect(runs.map { $0["kind"]?.string } == ["prefill", "prefill", "decode", "decode"])
        #expect(runs.map { $0["tokens"]?.integer } == [16, 40, 1, 3])
        for run in runs {
            #expect(run["seconds"]?.array?.count == 2)
            #expect((run["tokens_per_second_full_model"] != nil) == hasFullModel)
            for field in ["tokens_per_second", "operations", "bytes", "of_limit", "memory_bytes_per_second"] {
                #expect(try #require(run[field]?.number) > 0, "\(field)")
            }
            #expect(["compute", "memory"].contains(run["bound_by"]?.string))
        }
        #expect(try #require(report.json["peaks"]?["f32_operations_per_second"]?.number) > 0)
        #expect(report.lines.count == 4 + runs.count)
        #expect(try JSONValue(parsing: report.json.serialized()) == report.json)
    }

    @Test func aModelFromDisk() throws {
        let report = try Bench.measure(options()) { _ in }
        try check(report, hasFullModel: false)
    }

    #if !DEBUG
        /// Widths of real models: without optimisation their weights alone would take minutes to make.
        @Test(arguments: [("30b-a3b", "int4", "int8"), ("0.6b", "int8", "int8"), ("0.6b", "bf16", "bf16")])
        func aSyntheticModel(_ name: String, _ experts: String, _ dense: String) throws {
            let shape = try SyntheticShape("\(name):layers=1,vocab=100")
            let report = try Bench.measure(options(shape: shape, experts: experts, dense: dense)) { _ in
            }
            try check(report, hasFullModel: true)
            #expect(report.json["layers"] == 1 && report.json["full_layers"]?.integer == shape.fullLayers)
        }
    #endif

    @Test func constrainedAnswers() throws {
        var options = options()
        options.constrained = 3
        let report = try Bench.measure(options) { _ in }
        let masks = try #require(report.json["masks"]?.array)
        #expect(
            masks.map { $0["constraint"]?.string } == [
                "record", "list", "any object", "choices", "pattern", "grammar", "all",
            ])
        for row in masks { #expect(try #require(row["masks"]?.integer) > 20 && row["median_us"]?.number ?? 0 > 0) }
        #expect(report.json["free_seconds"]?.array?.count == 2 && report.json["constrained_seconds"]?.array?.count == 2)
        #expect(try #require(report.json["constrained_over_free"]?.number) > 0)
        #expect(report.lines.contains { $0.hasPrefix("constrained / free") })
    }

    @Test func tooLongForTheContext() throws {
        var options = options()
        options.prefill = [1 << 20]
        #expect(throws: ConfigurationProblem.self) { try Bench.measure(options) { _ in } }
    }

    @Test func aWorkloadUnderBothAdmissions() throws {
        let report = try Bench.measure(
            options(
                workload: .init(description: .mixed(12), sequences: 4, kvTokens: 0))
        ) { _ in }
        let admissions = try #require(report.json["admissions"]?.array)
        #expect(admissions.map { $0["admission"]?.string } == ["grouped", "first-come"])
        let passes = admissions.flatMap { $0["passes"]?.array ?? [] }
        #expect(passes.count == 4)
        #expect(Set(passes.map { $0["generated_tokens"]?.integer }).count == 1)
        for pass in passes {
            #expect(pass["jobs"] == 12)
            #expect((1...4).contains(try #require(pass["mean_running"]?.number)))
        }
        #expect(try #require(report.json["grouped_over_first_come"]?.number) > 0)
    }

    @Test func workloadLines() throws {
        #expect(
            try WorkloadJob(line: ["prompt_tokens": 3, "new_tokens": 5, "mode": "thinking"])
                == .lengths(prompt: 3, new: 5, mode: .thinking))
        #expect(try WorkloadJob(line: ["messages": []]) == .body(["messages": []]))
        for bad: JSONValue in [
            ["prompt_tokens": 0, "new_tokens": 5], ["prompt_tokens": 3],
            ["prompt_tokens": 3, "new_tokens": 1, "mode": "deep"],
        ] {
            #expect(throws: RequestError.self) { try WorkloadJob(line: bad) }
        }
        #expect(try WorkloadSource("mixed:20") == .mixed(20))
        #expect(try WorkloadSource("jobs.jsonl") == .file("jobs.jsonl"))
        #expect(throws: ConfigurationProblem.self) { try WorkloadSource("mixed:none") }
    }

    @Test func mixedJobsAreMixedAndAlwaysTheSame() {
        let jobs = WorkloadJob.mixed(200, contextLength: 40_960)
        #expect(jobs == WorkloadJob.mixed(200, contextLength: 40_960))
        var thinking = 0
        for case .lengths(let prompt, let new, let mode) in jobs {
            #expect((16...512).contains(prompt))
            #expect((mode == .thinking ? 64...512 : 8...128).contains(new))
            if mode == .thinking { thinking += 1 }
        }
        #expect((60...140).contains(thinking))
        for case .lengths(let prompt, let new, _) in WorkloadJob.mixed(50, contextLength: 32) {
            #expect(prompt + new <= 32)
        }
    }

    /// A finished sequence is replaced at once: jobs of two lengths keep two sequences running to the end of the queue.
    @Test func admissionChangesTheOrderOnly() throws {
        let engine = ScriptedEngine(
            limits: EngineLimits(
                contextLength: 64, kvTokens: 256, kvBlockTokens: 32, sequencesMax: 2, rowsPerSweepMax: 16))
        let jobs = [4, 20, 4, 20, 4, 20].map { WorkloadJob.lengths(prompt: 2, new: $0, mode: .nonThinking) }
        let tasks = try WorkloadTasks(limits: engine.limits, vocabulary: 200, preparer: nil).tasks(jobs)
        let runs = try WorkloadBench(engine: engine, tasks: tasks, prefillChunk: 8).run(repeats: 1) { _ in }
        #expect(runs.map(\.0) == [.grouped, .firstCome])
        for (_, passes) in runs {
            #expect(passes.map(\.generatedTokens) == [72])
            #expect(passes[0].sweeps >= 36)
        }
        // Short jobs first, then the long ones in pairs and one alone: 4 + 20 (with a short one) + 20.
        #expect(runs[0].1[0].sweeps == 44)
        #expect(engine.openCount == 0)
    }

    @Test func jobsThatCannotRunAreNamed() throws {
        let limits = EngineLimits(
            contextLength: 64, kvTokens: 256, kvBlockTokens: 32, sequencesMax: 2, rowsPerSweepMax: 16)
        let maker = WorkloadTasks(limits: limits, vocabulary: 200, preparer: nil)
        for job in [WorkloadJob.lengths(prompt: 60, new: 5, mode: .thinking), .body(["messages": []])] {
            #expect(throws: ConfigurationProblem.self) { try maker.tasks([job]) }
        }
    }
}
