import ArgumentParser
import MoedDaemon
import MoedHost
import MoedLocal
import MoedRehearsal
import MoedTools

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure tokens per second of a model, beside the limits of this machine.",
        discussion: """
            Sweeps. --prefill measures prompts without the output matrix. --decode measures sequences that generate \
            one token each per sweep. Each figure is the median of --repeat measurements. The spread is \
            (most - least) / median. The peaks of the machine are measured in the same run with the same threads. \
            The column “of limit” is the shortest possible time at these peaks as a share of the measured time.

            --synthetic makes random weights of a published shape in memory. Names are qwen3-0.6b, -1.7b, -4b, -8b, \
            -14b, -32b, -30b-a3b and -235b-a22b. With fewer layers (qwen3-30b-a3b:layers=8) the rates of the whole \
            model are computed from the time per layer.

            --workload runs jobs through planner and engine, without a database. It compares admission by job class \
            with first come, first served. FILE holds one JSON object per line, such as \
            {"prompt_tokens": 120, "new_tokens": 40, "mode": "thinking"}, or chat completions as for `moed \
            generate`. mixed:200 makes 200 jobs of mixed lengths and modes.

            --constrained times the masks of answers that satisfy a schema, a pattern or a grammar, and sweeps of \
            --max-batch sequences with and without a schema, in turns. Random weights get made token texts.

            --memory-budget streams the experts of a pack that do not fit. The table then shows disk rate, hit rate, \
            bytes read per token and the share of time without work.

            --adapter measures with adapters; sequences take them in turn. Then sweeps with adapters and without run \
            in turns, and the cost of the adapters is shown.

            --queue measures the queue on your PostgreSQL, without a model: wake-up, claim, enqueue, empty jobs, \
            table growth. It creates a database and drops it afterwards, so the role needs CREATEDB. A million jobs \
            take about half an hour. --jobs 20000 gives a first result, without table growth.

            Examples:
              moed bench --model PACK --prefill 512 --decode 1,16 --json
              moed bench --model DIR --workload mixed:200
              moed bench --synthetic qwen3-30b-a3b:layers=8 --experts int4 --dense int8
              moed bench --constrained --synthetic qwen3-0.6b:layers=4 --dense int8
              moed bench --queue --database "host=/run/postgresql" --jobs 100000
            """)

    @Option(help: "Hugging Face directory, GGUF file or pack.")
    var model: String?

    @Option(help: "Random weights instead of a model: NAME[:layers=N][,vocab=N].")
    var synthetic: String?

    @OptionGroup var formats: FormatOptions

    @OptionGroup var adapters: AdapterOptions

    @Option(help: "Prompt lengths in tokens; \"\" measures none.")
    var prefill = "512,2048"

    @Option(help: "Numbers of sequences that decode together; \"\" measures none.")
    var decode = "1,4,16,64,128"

    @Option(help: "Tokens of each sequence before it decodes.")
    var context = 128

    @Option(help: "Compute threads; 0 is one for each physical core.")
    var threads = 0

    @Option(name: .customLong("repeat"), help: "Measurements of each figure.")
    var repeats = 5

    @Option(help: "Maximum number of tokens of one prompt in one sweep.")
    var prefillChunk = 512

    @Option(help: "Format of keys and values: f32, f16 or int8; auto is f32 for unquantised weights, otherwise f16.")
    var kv = "auto"

    @Option(help: "Jobs instead of sweeps: a file of JSON lines, or mixed:N.")
    var workload: String?

    @Flag(help: "Constrained answers instead of sweeps: time of token masks, and throughput with and without them.")
    var constrained = false

    @Option(help: "With --workload and --constrained: maximum number of sequences that run together.")
    var maxBatch = 32

    @Option(help: "With --workload: capacity of the KV cache in tokens; 0 chooses.")
    var kvTokens = 0

    @Option(help: "Memory of the process: bytes (20GiB) or a part (50%) of the machine's memory.")
    var memoryBudget: String?

    @Flag(help: "Measure the queue instead of a model.")
    var queue = false

    @Option(help: "With --queue: connection string or URI of the server.")
    var database = ""

    @Option(help: "With --queue: depth of the queue, and number of jobs that run through it.")
    var jobs = 1_000_000

    @Option(help: "With --queue: seconds for which transactions are held open.")
    var hold = 60

    @Option(help: "With --queue: numbers of workers that share the queue, such as 2,16,64; \"\" measures none.")
    var workers = ""

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    func validate() throws {
        guard [model != nil, synthetic != nil, queue].count(where: \.self) == 1 else {
            throw ValidationError("one of --model, --synthetic and --queue must be given")
        }
        guard (1000...10_000_000).contains(jobs) else {
            throw ValidationError("--jobs must be in 1000…10000000")
        }
        guard workerCounts.allSatisfy({ (1...256).contains($0 ?? 0) }) else {
            throw ValidationError("--workers must be numbers in 1…256 with commas between them")
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
        guard FormatChoice.kvWords.contains(kv) else {
            throw ValidationError("--kv must be one of \(FormatChoice.kvWords.joined(separator: ", ")), not “\(kv)”")
        }
    }

    func run() async throws {
        try await CommandExit.translate {
            if queue {
                var options = QueueBench.Options(database: database, jobs: jobs, hold: .seconds(hold))
                options.workers = workerCounts.compactMap { $0 }
                try await QueueBench.run(options, asJSON: json)
            } else {
                try Bench.run(try options(), asJSON: json)
            }
        }
    }

    /// Nil for a word that is no number.
    private var workerCounts: [Int?] { workers.split(separator: ",").map { Int($0) } }

    private func options() throws -> BenchOptions {
        // A directory says itself what it holds; random weights have no format of their own.
        let unnamed = synthetic == nil ? "auto" : "int8"
        var model = ModelOptions(directory: model ?? "")
        model.formats = FormatChoice(
            experts: formats.experts ?? unnamed, dense: formats.dense ?? unnamed, group: formats.group)
        model.adapters = adapters.options
        model.budget = memoryBudget.flatMap { MemoryBudget($0) }
        model.threads = threads
        model.prefillChunk = prefillChunk
        model.kvFormat = FormatChoice.kv(kv)
        model.kernels = ModelOptions.kernels(named: Host.environment["MOED_CPU"])
        model.fetch = ModelOptions.fetch(named: Host.environment["MOED_ENGINE_FETCH"])
        var options = BenchOptions(
            model: model, synthetic: try synthetic.map { try SyntheticShape($0) },
            prefill: try BenchOptions.numbers(prefill, option: "--prefill", max: 1 << 20),
            decode: try BenchOptions.numbers(decode, option: "--decode", max: 4096), context: context,
            repeats: repeats,
            workload: try workload.map {
                .init(description: try WorkloadSource($0), sequences: maxBatch, kvTokens: kvTokens)
            })
        options.constrained = constrained ? maxBatch : nil
        return options
    }
}
