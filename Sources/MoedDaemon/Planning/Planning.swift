import MoedCore
import MoedEngine
import MoedHost
import MoedWeights

/// `moed plan`: what a model would do under a memory budget, on this machine or on one that is described.
package enum Planning {
    package struct Options: Sendable {
        package var source: BenchOptions.Source
        package var formats: FormatChoice
        package var budget: MemoryBudget
        /// Sequences that run together, and tokens that each has at the middle of its run.
        package var slots: Int
        package var context: Int
        package var rowsPerSweep: Int
        /// Nil measures this machine.
        package var cores: Int?
        /// Bytes per second; nil measures, where there is a pack to read.
        package var disk: Double?
        package var memory: Double?
        /// Jobs to be done; nil looks at single sweeps only.
        package var workload: WorkloadSource?

        package init(
            source: BenchOptions.Source, formats: FormatChoice, budget: MemoryBudget, slots: Int,
            context: Int,
            rowsPerSweep: Int, cores: Int?, disk: Double?, memory: Double?, workload: WorkloadSource? = nil
        ) {
            self.source = source
            self.formats = formats
            self.budget = budget
            self.slots = slots
            self.context = context
            self.rowsPerSweep = rowsPerSweep
            self.cores = cores
            self.disk = disk
            self.memory = memory
            self.workload = workload
        }
    }

    /// - Throws: `ConfigurationProblem` naming the least budget, `EngineError` about the model.
    package static func run(_ options: Options) throws { for line in try report(options) { print(line) } }

    package static func report(_ options: Options) throws -> [String] {
        let (name, model) = try open(options)
        let settings = EngineSettings(
            threads: 1, kvTokens: 1, kvFormat: model.kvFormatDefault, sequencesMax: options.slots,
            rowsPerSweepMax: max(options.rowsPerSweep, options.slots))
        let tasks = try options.workload.map { try jobs($0, options, model) }
        let kvTokens = tasks.map { kvRoom($0, options, model) } ?? options.slots * options.context * 2
        let ledger = try MemoryLedger(
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
            ("decode", 1), ("decode", min(16, options.slots)), ("decode", options.slots),
            ("prefill", settings.rowsPerSweepMax),
        ] {
            let isPrefill = kind == "prefill"
            let sweep = ThroughputPlan(
                model, plan, rows: rows, visible: isPrefill ? rows * (rows + 1) / 2 : rows * options.context,
                sampled: isPrefill ? 0 : rows, rates)
            plans.append(sweep)
            table.add([
                "\(kind) \(rows)", TextTable.figure(sweep.tokensPerSecond), TextTable.figure(sweep.seconds),
                sweep.bound.rawValue, TextTable.figure(sweep.compute), TextTable.figure(sweep.memory),
                TextTable.figure(sweep.disk), TextTable.percent(sweep.hitRate),
                TextTable.figure(sweep.missedBytes / 1e9),
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
        switch options.source {
        case .directory(let path):
            let source = try ModelDirectory.open(path)
            if case .pack(let pack) = source { try options.formats.check(pack) }
            let model = try UnloadedModel(
                source, experts: options.formats.experts ?? .bf16, dense: options.formats.dense ?? .bf16)
            return ("\(Filters.lastComponent(path)): \(InspectText(source).oneLine)", model)
        case .synthetic(let shape):
            let experts = options.formats.experts ?? .int4(group: 64)
            let dense = options.formats.dense ?? .int8(group: 64)
            let model = try UnloadedModel(shape: shape.configuration, experts: experts, dense: dense)
            let bytes = InspectText.bytes(model.denseByteCount + model.expertByteCount)
            let layers = shape.configuration.layers
            return ("\(shape.name), \(layers) layers, experts \(experts), dense \(dense), \(bytes)", model)
        }
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
            "\(told): up to \(TextTable.figure(rates.int8.rate / 1e9)) Gop/s with int8, "
                + "\(TextTable.figure(rates.int4.rate / 1e9)) with int4, "
                + "memory \(TextTable.figure(rates.memory / 1e9)) GB/s, disk \(TextTable.figure(disk / 1e9)) GB/s"
                + (options.disk == nil ? " (measured where there is a pack, else assumed)" : "")
        )
    }

    /// What would change the figures.
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
                "a budget of \(InspectText.bytes(all)) would hold every expert: nothing would be read")
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
