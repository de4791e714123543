import ArgumentParser
import MoedCommands
import MoedCore
import MoedDaemon
import MoedLocal
import MoedTools

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Predict memory and tokens per second of a model, or time and cost of what is queued.",
        discussion: """
            Loads nothing. It measures the rates of this machine, unless options describe another one. --cores \
            scales what its cores reach. --disk and --memory-bandwidth are rates. Large sweeps overlap disk, memory \
            and compute; the slowest of them binds. Tokens are assumed to choose experts independently. A budget \
            below the minimum ends with exit code 78 and names the minimum.

            --workload runs jobs through the planner of the daemon and prints how long they take. It takes files as \
            `moed bench` does. Each answer is assumed to be as long as it may be.

            --database (or --config) plans what is queued now instead: tokens, time at the workers' present rate, and \
            cost by moed.price, for each tenant, model and mode. The tokens of a job are the mean of a week's jobs of \
            its model and mode (basis: history), or what it may take at most (limit). It needs moed_reader.

            Examples:
              moed plan --model PACK --budget 20GiB
              moed plan --model PACK --budget 20GiB --workload tonight.jsonl --sequences 128
              moed plan --synthetic qwen3-235b-a22b --experts int4 --budget 100GiB \\
                --disk 7GB/s --cores 32 --memory-bandwidth 240GB/s
              moed plan --database "dbname=work" --json
            """)

    @Option(help: "Hugging Face directory, GGUF file or pack.")
    var model: String?

    @Option(help: "A published shape instead of a model: NAME[:layers=N][,vocab=N].")
    var synthetic: String?

    @OptionGroup var formats: FormatOptions

    @Option(help: "Memory of the process: bytes (20GiB) or a part (80%) of the machine's memory.")
    var budget = "80%"

    @Option(name: [.customLong("sequences"), .customLong("slots")], help: "Number of sequences that run together.")
    var sequences = 64

    @Option(help: "Length of each sequence at the middle of its run, in tokens.")
    var context = 512

    @Option(help: "Maximum number of tokens in one sweep.")
    var rowsPerSweep = 512

    @Option(help: "Number of cores, each as fast as one of this machine. Default: this machine's.")
    var cores: Int?

    @Option(help: "Read rate of the disk, such as 7GB/s. Default: measured.")
    var disk: String?

    @Option(help: "Read rate of the memory, such as 240GB/s. Default: measured.")
    var memoryBandwidth: String?

    @Option(help: "Jobs to run: a file of JSON lines, or mixed:N.")
    var workload: String?

    @OptionGroup var queue: DatabaseOptions

    /// True to plan what is queued in a database.
    private var isOfQueue: Bool { queue.database != nil || queue.config != nil }

    func validate() throws {
        guard [model != nil, synthetic != nil, isOfQueue].count(where: \.self) == 1 else {
            throw ValidationError("one of --model, --synthetic and --database (or --config) must be given")
        }
        guard isOfQueue || !queue.json else { throw ValidationError("--json is for --database") }
        guard (1...4096).contains(sequences), (1...1_000_000).contains(context), (1...16_384).contains(rowsPerSweep)
        else { throw ValidationError("--sequences 1…4096, --context 1…1000000, --rows-per-sweep 1…16384") }
        if let cores, !(1...4096).contains(cores) { throw ValidationError("--cores must be in 1…4096") }
    }

    private func rate(_ text: String?, _ option: String) throws -> Double? {
        try text.map { text in
            let bytes = text.hasSuffix("/s") ? String(text.dropLast(2)) : text
            guard case .bytes(let count)? = MemoryBudget(bytes) else {
                throw ConfigurationProblem("\(option): “\(text)” is no rate like 7GB/s")
            }
            return Double(count)
        }
    }

    func run() async throws {
        try await CommandExit.translate {
            if isOfQueue {
                return try await QueuePlan.run(conninfo: try queue.conninfo(), asJSON: queue.json)
            }
            guard let memory = MemoryBudget(budget) else {
                throw ConfigurationProblem("--budget must be like 20GiB or 80%, not “\(budget)”")
            }
            var model = ModelOptions(directory: model ?? "")
            model.formats = FormatChoice(
                experts: formats.experts ?? "auto", dense: formats.dense ?? "auto", group: formats.group)
            model.budget = memory
            model.sequences = sequences
            model.rowsPerSweep = rowsPerSweep
            var options = Planning.Options(
                model: model, synthetic: try synthetic.map { try SyntheticShape($0) }, context: context)
            options.cores = cores
            options.disk = try rate(disk, "--disk")
            options.memory = try rate(memoryBandwidth, "--memory-bandwidth")
            options.workload = try workload.map { try WorkloadSource($0) }
            try Planning.run(options)
        }
    }
}
