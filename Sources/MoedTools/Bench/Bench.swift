import MoedReading
import MoedBatching
package import MoedCore
import MoedEngine
import MoedGrammar
import MoedHost
import MoedLocal
import MoedPreparation
import MoedText
import MoedWeights

/// `moed bench`: measures a model's speed on this machine.
package enum Bench {
    /// Measures and prints the report.
    ///
    /// - Throws: `ConfigurationProblem` about the options, `EngineError` or `TextError` about the model.
    package static func run(_ options: BenchOptions, asJSON: Bool) throws {
        Host.ignoreBrokenPipes()
        let meter = BenchMeter()
        let (lines, json) = try measure(options, show: meter.show)
        meter.show("")
        try print(lines, json, asJSON: asJSON)
    }

    package static func print(_ lines: [String], _ json: JSONValue, asJSON: Bool) throws {
        guard !asJSON else { return try LineWriter(descriptor: 1).write(json) }
        for line in lines { Swift.print(line) }
    }

    /// - Parameter show: receives the name of each step.
    package static func measure(
        _ options: BenchOptions, show: @escaping (String) -> Void
    ) throws -> (lines: [String], json: JSONValue) {
        let threads = options.model.threads > 0 ? options.model.threads : Host.physicalCores
        let subject = try BenchSubject(options, threads: threads, show: show)
        if let workload = options.workload {
            let report = try run(workload, subject, options, threads, show)
            return (report.lines, report.json)
        }
        if let sequences = options.constrained {
            let report = try run(constrained: sequences, subject, options, threads, show)
            return (report.lines, report.json)
        }
        let context = subject.configuration.contextLength
        let isPaired = !subject.adapters.isEmpty && !options.decode.isEmpty
        let decoded = max(
            SweepBench.decodedTokens(options.decode, repeats: options.repeats),
            isPaired ? AdapterBench.decoded(options.decode, repeats: options.repeats) : 0)
        let longest = max(options.prefill.max() ?? 0, options.decode.isEmpty ? 0 : options.context + decoded)
        guard longest <= context else {
            throw ConfigurationProblem("sequences of \(longest) tokens; the model's context has \(context)")
        }
        show("peaks")
        // The probe is many times larger than the last cache level. It is smaller under a budget, which counts it.
        let probe = try MachineProbe(threads: threads, byteCount: (options.model.budget == nil ? 256 : 64) << 20)
        let peaks = MachinePeaks.measure(probe)
        let (engine, memory) = try subject.engine(
            kvTokens: SweepBench.kvTokens(
                prefill: options.prefill, decode: options.decode, context: options.context,
                repeats: options.repeats, blockTokens: Engine.kvBlockTokens) * (isPaired ? 2 : 1),
            sequences: max(1, options.decode.max() ?? 0) * (isPaired ? 2 : 1), rows: options.model.prefillChunk)
        var bench = SweepBench(engine, probe, adapters: subject.adapters, repeats: options.repeats, show: show)
        var measurements = try options.prefill.map { try bench.prefill($0) }
        if !options.decode.isEmpty {
            measurements += try bench.decode(options.decode, context: options.context)
        }
        var report = BenchReport(
            model: [subject.name, memory].compactMap(\.self).joined(separator: "\n"),
            layers: subject.configuration.layers, fullLayers: subject.fullLayers,
            threads: threads, kernels: "\(engine.kernelsName), \(engine.fetchText)",
            peaks: .better(peaks, .measure(probe)), measurements: measurements,
            disk: engine.streaming.current.disk)
        if isPaired {
            let adapters = AdapterBench(
                engine: engine, adapters: subject.adapters, repeats: options.repeats, context: options.context,
                show: show)
            report.adapterCosts = try adapters.compare(options.decode)
        }
        return (report.lines, report.json)
    }

    private static func run(
        constrained sequences: Int, _ subject: BenchSubject, _ options: BenchOptions, _ threads: Int,
        _ show: @escaping (String) -> Void
    ) throws -> ConstrainedReport {
        let length = options.context + ConstrainedBench.decoded(sequences: sequences, repeats: options.repeats)
        guard length <= subject.configuration.contextLength else {
            throw ConfigurationProblem(
                "sequences of \(length) tokens; the model's context has \(subject.configuration.contextLength)")
        }
        let blocks = (length + Engine.kvBlockTokens - 1) / Engine.kvBlockTokens
        let (engine, memory) = try subject.engine(
            kvTokens: sequences * blocks * Engine.kvBlockTokens, sequences: sequences,
            rows: options.model.prefillChunk)
        show("texts of tokens")
        let (texts, endIDs) = subject.texts
        let bench = ConstrainedBench(
            vocabulary: TokenVocabulary(texts: texts, endIDs: endIDs), engine: engine, sequences: sequences,
            repeats: options.repeats, show: show)
        let masks = try bench.masks()
        let sweeps = try bench.sweeps(context: options.context)
        return ConstrainedReport(
            model: [subject.name, memory].compactMap(\.self).joined(separator: "\n"), threads: threads,
            sequences: sequences, vocabulary: texts.count, masks: masks, free: sweeps.free,
            constrained: sweeps.constrained)
    }

    private static func run(
        _ workload: BenchOptions.Workload, _ subject: BenchSubject, _ options: BenchOptions, _ threads: Int,
        _ show: (String) -> Void
    ) throws -> WorkloadReport {
        let context = subject.configuration.contextLength
        let kvTokens =
            workload.kvTokens > 0
            ? workload.kvTokens : max(min(context, 8192), workload.sequences * min(context, 2048))
        let (engine, memory) = try subject.engine(
            kvTokens: kvTokens, sequences: workload.sequences, rows: max(512, options.model.prefillChunk))
        let jobs: [WorkloadJob] =
            switch workload.description {
            case .mixed(let count): WorkloadJob.mixed(count, contextLength: min(context, kvTokens))
            case .file(let path): try WorkloadFile.read(path)
            }
        let preparer = subject.text.map {
            RequestPreparer(text: $0, limits: engine.limits, maxTokensDefault: nil)
        }
        var tasks = try WorkloadTasks(
            limits: engine.limits, vocabulary: subject.vocabulary, preparer: preparer
        ).tasks(jobs)
        for index in tasks.indices where !subject.adapters.isEmpty {
            tasks[index].adapter = subject.adapters[index % subject.adapters.count]
        }
        let runs = try WorkloadBench(engine: engine, tasks: tasks, prefillChunk: options.model.prefillChunk)
            .run(repeats: options.repeats, show: show)
        return WorkloadReport(
            model: [subject.name, memory].compactMap(\.self).joined(separator: "\n"),
            threads: threads, sequences: workload.sequences, runs: runs)
    }
}

/// Reads a workload's jobs from a file of JSON lines.
enum WorkloadFile {
    /// - Throws: `ConfigurationProblem` naming file, line and reason.
    static func read(_ path: String) throws -> [WorkloadJob] {
        let bytes = try WholeFile.read(path, bytesMax: 1 << 30)
        var jobs: [WorkloadJob] = []
        for (index, line) in bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            guard !LineFilter.isBlank(Array(line)) else { continue }
            do {
                jobs.append(try WorkloadJob(line: try JSONValue(parsing: Array(line))))
            } catch {
                throw ConfigurationProblem("\(path), line \(index + 1): \(error)")
            }
        }
        guard !jobs.isEmpty else { throw ConfigurationProblem("\(path): there are no jobs in it") }
        return jobs
    }
}

/// Shows the current step on a terminal.
package struct BenchMeter {
    private let isTerminal = Host.isTerminal(2)

    package init() {}

    package func show(_ text: String) {
        if isTerminal { Host.printErrorInPlace(text) }
    }
}
