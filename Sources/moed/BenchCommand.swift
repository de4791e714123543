import ArgumentParser
import MoedDaemon
import MoedHost
import MoedLocal
import MoedTools

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Tokens per second of a model on this machine, beside the machine's own limits.",
        discussion: """
            Sweeps: --prefill measures prompts (without the output matrix), --decode so many sequences that make a
            token each. Every figure is the median of --repeat measurements; spread is (most - least) / median. The
            machine's peaks are probed in the same run with the same threads, the memory's speed beside every line.
            “of limit” is the least time that operations and bytes need at these peaks, as a share of the time
            taken; bytes count each weight that is needed once, experts as if tokens chose them independently.

            --synthetic makes random weights of a published shape in memory, e.g. qwen3-30b-a3b:layers=8,vocab=4096
            (qwen3- 0.6b, 1.7b, 4b, 8b, 14b, 32b, 30b-a3b, 235b-a22b); with fewer layers the whole model's tokens/s
            are computed from the layers' share of the time.

            --workload runs jobs through planner and engine, without a database, and compares grouped admission with
            first come, first served on the same jobs. FILE has a JSON object a line,
              {"prompt_tokens": 120, "new_tokens": 40, "mode": "thinking"}
            or chat completions as for `moed generate`; mixed:200 makes 200 jobs of mixed lengths and modes.

            --memory-budget reads the experts of a pack that do not fit while it measures, and shows the disk's rate
            beside that of a probe at the start, the part of the experts that was in memory, bytes read per token, the
            part of the time without anything to compute, and how the cache works.

            --queue measures the queue on a PostgreSQL of yours, without a model: wakeup, claim, enqueue, jobs that do
            nothing, table growth. It makes a database of its own on that server and drops it afterwards (the role needs
            CREATEDB). A million jobs take about half an hour; --jobs 20000 gives a first look, but not of table growth:
            autovacuum looks once a minute.

            Examples:
              moed bench --queue --database "host=/run/postgresql" --jobs 100000
              moed bench --synthetic qwen3-30b-a3b:layers=8 --experts int4 --dense int8
              moed bench --model PACK --prefill 512 --decode 1,16 --json
              moed bench --model DIR --workload mixed:200
            """)

    @Option(help: "Directory of a Hugging Face checkpoint or of a pack.")
    var model: String?

    @Option(help: "Random weights in place of a model: NAME[:layers=N][,vocab=N].")
    var synthetic: String?

    @OptionGroup var formats: FormatOptions

    @Option(help: "Prompt lengths; \"\" for none.")
    var prefill = "512,2048"

    @Option(help: "Sequences that decode together; \"\" for none.")
    var decode = "1,4,16,64,128"

    @Option(help: "Tokens of each sequence before it decodes.")
    var context = 128

    @Option(help: "Compute threads; 0 is one per physical core.")
    var threads = 0

    @Option(name: .customLong("repeat"), help: "Measurements of each figure.")
    var repeats = 5

    @Option(help: "Tokens of one prompt in one pass through the layers, at most.")
    var prefillChunk = 512

    @Option(help: "Jobs in place of sweeps: a file of JSON lines, or mixed:N.")
    var workload: String?

    @Option(help: "With --workload: sequences that run together, at most.")
    var maxBatch = 32

    @Option(help: "With --workload: tokens of KV cache over all sequences; 0 chooses.")
    var kvTokens = 0

    @Option(help: "Memory of the process, of a pack: bytes (20GiB) or a part (50%) of what there is.")
    var memoryBudget: String?

    @Flag(help: "The queue in place of a model.")
    var queue = false

    @Option(help: "With --queue: connection string or URI of the server.")
    var database = ""

    @Option(help: "With --queue: depth of the queue, and jobs that flow through.")
    var jobs = 1_000_000

    @Option(help: "With --queue: seconds that transactions are held open.")
    var hold = 60

    @Flag(help: "One JSON object in place of the table.")
    var json = false

    func validate() throws {
        guard [model != nil, synthetic != nil, queue].count(where: \.self) == 1 else {
            throw ValidationError("one of --model, --synthetic and --queue must be given")
        }
        guard (1000...10_000_000).contains(jobs) else {
            throw ValidationError("--jobs must be in 1000…10000000")
        }
        guard (1...86_400).contains(hold) else { throw ValidationError("--hold must be in 1…86400 seconds") }
        guard (0...1024).contains(threads) else { throw ValidationError("--threads must be in 0…1024") }
        guard (1...1000).contains(repeats) else { throw ValidationError("--repeat must be in 1…1000") }
        guard context > 0, prefillChunk > 0 else {
            throw ValidationError("--context and --prefill-chunk must be at least 1")
        }
        guard (1...4096).contains(maxBatch) else { throw ValidationError("--max-batch must be in 1…4096") }
        if let memoryBudget, MemoryBudget(memoryBudget) == nil {
            throw ValidationError("--memory-budget must be like 20GiB or 50%, not “\(memoryBudget)”")
        }
        guard kvTokens >= 0 else { throw ValidationError("--kv-tokens cannot be negative") }
    }

    func run() async throws {
        try await CommandExit.translate {
            if queue {
                try await QueueBench.run(
                    .init(database: database, jobs: jobs, hold: .seconds(hold)), asJSON: json)
            } else {
                try Bench.run(try options(), asJSON: json)
            }
        }
    }

    private func options() throws -> BenchOptions {
        // A directory says itself what it holds; random weights have no format of their own.
        let unnamed = synthetic == nil ? "auto" : "int8"
        var model = ModelOptions(directory: model ?? "")
        model.formats = FormatChoice(
            experts: formats.experts ?? unnamed, dense: formats.dense ?? unnamed, group: formats.group)
        model.budget = memoryBudget.flatMap { MemoryBudget($0) }
        model.threads = threads
        model.prefillChunk = prefillChunk
        model.kernels = ModelOptions.kernels(named: Host.environment["MOED_CPU"])
        return BenchOptions(
            model: model, synthetic: try synthetic.map { try SyntheticShape($0) },
            prefill: try BenchOptions.numbers(prefill, option: "--prefill", max: 1 << 20),
            decode: try BenchOptions.numbers(decode, option: "--decode", max: 4096), context: context,
            repeats: repeats,
            workload: try workload.map {
                .init(description: try WorkloadSource($0), slots: maxBatch, kvTokens: kvTokens)
            })
    }
}
