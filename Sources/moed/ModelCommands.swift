import ArgumentParser
import MoedDaemon
import MoedHost
import MoedLocal
import MoedTools

/// The options of commands that run a model without a queue.
struct ModelArguments: ParsableArguments {
    @OptionGroup var directory: ModelDirectory

    @OptionGroup var formats: FormatOptions

    @Option(help: "Compute threads; 0 is one per physical core.")
    var threads = 0

    @Option(help: "Tokens of one prompt in one pass through the layers, at most.")
    var prefillChunk = 256

    @Option(
        help: "Format of keys and values: f32, f16 or int8; auto is f32 for unquantised weights, else f16.")
    var kv = "auto"

    // Off: cached_tokens would tell what else was in the batch, and the same line should give the same object.
    @Flag(
        inversion: .prefixedNo,
        help: "Compute equal beginnings of prompts once. Texts and ids stay the same, cached_tokens does not.")
    var prefixCache = false

    @Option(
        help: """
            Memory of the process: bytes (20GiB) or a part (80%) of the machine's or the control group's. Experts that \
            do not fit are read from a pack while it runs. Without it everything is loaded.
            """)
    var memoryBudget: String?

    func validate() throws {
        if let memoryBudget, MemoryBudget(memoryBudget) == nil {
            throw ValidationError(
                "--memory-budget must be bytes like 20GiB or a part like 80%, not “\(memoryBudget)”")
        }
        guard FormatChoice.kvWords.contains(kv) else {
            throw ValidationError(
                "--kv must be one of \(FormatChoice.kvWords.joined(separator: ", ")), not “\(kv)”")
        }
    }

    var model: ModelOptions {
        var model = ModelOptions(directory: directory.model)
        model.formats = FormatChoice(
            experts: formats.experts ?? "auto", dense: formats.dense ?? "auto", group: formats.group)
        model.budget = memoryBudget.flatMap { MemoryBudget($0) }
        model.threads = threads
        model.kvFormat = FormatChoice.kv(kv)
        model.sharesPrefixes = prefixCache
        model.prefillChunk = prefillChunk
        model.kernels = ModelOptions.kernels(named: Host.environment["MOED_CPU"])
        return model
    }
}

struct GenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Chat-completion bodies in, chat-completion objects out.",
        discussion: """
            Each input line is the body of an OpenAI chat completion, e.g.
              {"messages": [{"role": "user", "content": "What is 27 + 58?"}], "max_tokens": 200, "seed": 1}
            or has "prompt_ids" (token ids) in place of "messages". Also understood: temperature, top_p, top_k, \
            min_p, presence_penalty, frequency_penalty, repetition_penalty, stop, stop_token_ids, n, reasoning \
            (thinking or non_thinking), reasoning_effort, chat_template_kwargs, thinking_token_budget. Answers come \
            in the order of the input. A line without seed is seeded with its number. The same line gives the same \
            tokens whatever else is in the batch.
            """)

    @OptionGroup var options: ModelArguments

    @Option(help: "Sequences that run together, at most.")
    var maxBatch = 32

    @Option(help: "New tokens of a line that names no max_tokens; 0 is the rest of the context.")
    var maxTokens = 4096

    @Option(help: "Tokens of KV cache over all sequences; 0 chooses.")
    var kvTokens = 0

    @Option(help: "Record which experts sweeps use in FILE, for `moed replay`.")
    var traceRouting: String?

    @Flag(name: .customLong("ids"), help: "Add output_ids (end token included) to each choice.")
    var showsIDs = false

    func run() async throws {
        try await CommandExit.translate {
            var model = options.model
            model.sequences = maxBatch
            model.kvTokens = kvTokens
            model.maxTokensDefault = maxTokens == 0 ? nil : maxTokens
            try Filters.generate(model, showsIDs: showsIDs, routingTrace: traceRouting)
        }
    }

    func validate() throws {
        guard (1...4096).contains(maxBatch) else { throw ValidationError("--max-batch must be in 1…4096") }
        guard options.prefillChunk > 0 else { throw ValidationError("--prefill-chunk must be at least 1") }
        guard maxTokens >= 0, kvTokens >= 0 else { throw ValidationError("token counts cannot be negative") }
    }
}

struct ScoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "How probable the model finds a text.",
        discussion: """
            {"ids": […]} or {"text": "…"} → {"ids", "logprobs"}: logprobs[i] is the natural-log probability of \
            ids[i+1] after ids[0…i]. With --top K also top_ids and top_logprobs: for each position i the K most \
            probable successors of ids[0…i], the last position included.
            """)

    @OptionGroup var options: ModelArguments

    @Option(help: "How many of the most probable successors to add per position.")
    var top = 0

    func run() async throws {
        try await CommandExit.translate {
            try Filters.score(options.model, top: top)
        }
    }

    func validate() throws {
        guard top >= 0 else { throw ValidationError("--top cannot be negative") }
        guard options.prefillChunk > 0 else { throw ValidationError("--prefill-chunk must be at least 1") }
    }
}
