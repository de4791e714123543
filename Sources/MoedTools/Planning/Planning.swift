import MoedReading
import MoedCore
import MoedEngine
import MoedHost
package import MoedLocal
import MoedPacks
import MoedWeights

/// `moed plan`: forecasts a model's throughput under a memory budget, on this machine or on a described one.
package enum Planning {
    package struct Options: Sendable {
        /// The model, its formats, memory budget, running sequences and rows per sweep.
        package var model: ModelOptions
        /// Published shape that replaces the model's directory.
        package var synthetic: SyntheticShape?
        /// Tokens of each sequence half way through its run.
        package var context: Int
        /// Number of cores; nil takes this machine's.
        package var cores: Int?
        /// Disk speed in bytes per second; nil measures it when there is a pack to read, else assumes 1 GB/s.
        package var disk: Double?
        package var memory: Double?
        /// Jobs to forecast; nil forecasts single sweeps only.
        package var workload: WorkloadSource?

        package init(model: ModelOptions, synthetic: SyntheticShape?, context: Int) {
            self.model = model
            self.synthetic = synthetic
            self.context = context
        }

        var budget: MemoryBudget { model.budget ?? .percent(100) }
        var rowsPerSweep: Int { max(model.rowsPerSweep, model.sequences) }
    }

    /// - Throws: `ConfigurationProblem` naming the smallest budget, `EngineError` about the model.
    package static func run(_ options: Options) throws { for line in try report(options) { print(line) } }

    package static func report(_ options: Options) throws -> [String] {
        let (name, model) = try open(options)
        let settings = EngineSettings(
            threads: 1, kvTokens: 1, kvFormat: model.kvFormatDefault, sequencesMax: options.model.sequences,
            rowsPerSweepMax: options.rowsPerSweep)
        let tasks = try options.workload.map { try jobs($0, options, model) }
        let kvTokens = tasks.map { kvRoom($0, options, model) } ?? options.model.sequences * options.context * 2
        let ledger = try MemoryBudgetPlan(
            model, settings, kvTokens: kvTokens, isFixed: false,
            budget: options.budget.byteCount(of: HostMemory.available), process: HostMemory.committed)
        let (rates, origin) = try rates(options, model)
        let plan = ledger.plan
        var lines = [name, ledger.text, origin, ""]
        var table = TextTable(header: [
            "sweep", "tokens/s", "seconds", "bound by", "compute s", "memory s", "disk s", "hits", "GB read",
        ])
        var plans: [ThroughputPlan] = []
        for (kind, rows) in [
            ("decode", 1), ("decode", min(16, options.model.sequences)), ("decode", options.model.sequences),
            ("prefill", settings.rowsPerSweepMax),
        ] {
            let isPrefill = kind == "prefill"
            let sweep = ThroughputPlan(
                model, plan, rows: rows, visible: isPrefill ? rows * (rows + 1) / 2 : rows * options.context,
                sampled: isPrefill ? 0 : rows, rates)
            plans.append(sweep)
            table.add([
                "\(kind) \(rows)", HumanText.figure(sweep.tokensPerSecond), HumanText.figure(sweep.seconds),
                sweep.bound.rawValue, HumanText.figure(sweep.compute), HumanText.figure(sweep.memory),
                HumanText.figure(sweep.disk), HumanText.percent(sweep.hitRate),
                HumanText.figure(sweep.missedBytes / 1e9),
            ])
        }
        lines += table.lines + [""]
        lines += advice(plan, decode: plans[2], prefill: plans[3], options)
        if let tasks {
            let kvTokens = plan.kvBlocks * Engine.kvBlockTokens
            lines +=
                try [""]
                + forecast(tasks, kvTokens: kvTokens, options, model) { rows, visible, sampled in
                    ThroughputPlan(model, plan, rows: rows, visible: visible, sampled: sampled, rates)
                }.lines
        }
        return lines
    }

    private static func open(_ options: Options) throws -> (name: String, model: UnloadedModel) {
        let formats = options.model.formats
        guard let shape = options.synthetic else {
            let path = options.model.directory
            let source = try ModelDirectory.open(path)
            if case .pack(let pack) = source { try formats.check(pack) }
            let (experts, dense) = formats.formats(of: source)
            let model = try UnloadedModel(source, experts: experts, dense: dense)
            return ("\(WholeFile.name(of: path)): \(InspectText(source).oneLine)", model)
        }
        let experts = formats.experts ?? .int4(group: 64)
        let dense = formats.dense ?? .int8(group: 64)
        let model = try UnloadedModel(shape: shape.configuration, experts: experts, dense: dense)
        let bytes = HumanText.bytes(model.denseByteCount + model.expertByteCount)
        let layers = shape.configuration.layers
        return ("\(shape.name), \(layers) layers, experts \(experts), dense \(dense), \(bytes)", model)
    }

    private static func rates(
        _ options: Options, _ model: UnloadedModel
    ) throws -> (MachineRates, origin: String) {
        let here = Host.physicalCores
        let disk = try options.disk ?? model.probeDisk()?.bytesPerSecond ?? 1e9
        var rates = try MachineRates.here(threads: here, disk: disk, probeBytes: 256 << 20)
        let scale = Double(options.cores ?? here) / Double(here)
        rates.int8.rate *= scale
        rates.int4.rate *= scale
        rates.float *= scale
        rates.memory = options.memory ?? rates.memory
        let told = options.cores.map { "\($0) cores like this machine's" } ?? "\(here) cores, measured"
        return (
            rates,
            "\(told): up to \(HumanText.figure(rates.int8.rate / 1e9)) Gop/s with int8, "
                + "\(HumanText.figure(rates.int4.rate / 1e9)) with int4, "
                + "memory \(HumanText.figure(rates.memory / 1e9)) GB/s, disk \(HumanText.figure(disk / 1e9)) GB/s"
                + (options.disk == nil ? " (measured where there is a pack, else assumed)" : "")
        )
    }

    /// Advice on changes that would raise the throughput.
    private static func advice(
        _ plan: MemoryPlan, decode: ThroughputPlan, prefill: ThroughputPlan, _ options: Options
    ) -> [String] {
        let needs = plan.needs
        var lines = [
            "bound by \(decode.bound.rawValue) when \(decode.tokens) sequences decode, "
                + "by \(prefill.bound.rawValue) in prefill"
        ]
        if plan.isStreamed {
            let all = plan.total - plan.experts + needs.experts.byteCount
            lines.append(
                "a budget of \(HumanText.bytes(all)) would hold every expert: nothing would be read")
        }
        if let tokens = decode.breakEvenTokens {
            lines.append(
                "a sweep of \(tokens) tokens would compute as long as it reads: more sequences, or prompts beside "
                    + "them, cost nothing up to there")
        }
        switch decode.bound {
        case .disk: lines.append("more sequences, a faster disk or fewer bits per weight raise decode")
        case .memory: lines.append("more sequences raise decode: each weight is read once for all of them")
        case .compute: lines.append("more cores raise decode")
        }
        return lines
    }
}
