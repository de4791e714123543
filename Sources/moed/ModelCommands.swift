import ArgumentParser
import MoedDaemon
import MoedHost
import MoedLocal
import MoedTools

/// The options of commands that run a model without a queue.
struct ModelArguments: ParsableArguments {
    @OptionGroup var directory: ModelDirectory

    @OptionGroup var formats: FormatOptions

    @OptionGroup var adapters: AdapterOptions

    @Option(help: "Compute threads; 0 is one for each physical core.")
    var threads = 0

    @Option(help: "Maximum number of tokens of one prompt in one sweep.")
    var prefillChunk = 256

    @Option(
        help: "Format of keys and values: f32, f16 or int8; auto is f32 for unquantised weights, otherwise f16.")
    var kv = "auto"

    // Off: cached_tokens would tell what else was in the batch, and the same line should give the same object.
    @Flag(
        inversion: .prefixedNo,
        help: "Compute common prefixes of prompts once. Only cached_tokens depends on it.")
    var prefixCache = false

    @Option(
        help: """
            Memory of the process: bytes (20GiB) or a part (80%) of the machine's or the control group's memory. \
            Experts that do not fit are read from a pack while the model runs. Without it everything is loaded.
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
        model.adapters = adapters.options
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
        abstract: "Read chat-completion bodies, write chat-completion objects, a JSON line each.",
        discussion: """
            Each input line is the body of an OpenAI chat completion. "prompt_ids" (token ids) can replace \
            "messages". Answers come in the order of the input. A line that cannot run becomes an error object, and \
            the others run on.

            Members: max_tokens, seed, temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty, \
            repetition_penalty, stop, stop_token_ids, n, reasoning (thinking or non_thinking), reasoning_effort, \
            thinking_token_budget, answer_reserve, chat_template_kwargs, response_format.

            With --adapter, "model" chooses an adapter by its name or the model by the name of its directory. Lines \
            without it run with the first adapter.

            A line without seed gets its line number as seed. The same line gives the same tokens in every batch.

            Example:
              echo '{"messages": [{"role": "user", "content": "What is 27 + 58?"}], "seed": 1}' |
                moed generate --model DIR
            """)

    @OptionGroup var options: ModelArguments

    @Option(help: "Maximum number of sequences that run together.")
    var maxBatch = 32

    @Option(help: "New tokens of a line without max_tokens, at most; 0 is the rest of the context.")
    var maxTokens = 4096

    @Option(help: "Capacity of the KV cache in tokens; 0 chooses.")
    var kvTokens = 0

    @Option(help: "Record which experts each sweep uses in this file, for `moed replay`.")
    var traceRouting: String?

    @Flag(name: .customLong("ids"), help: "Add output_ids to each choice, the end token included.")
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
        abstract: "Print the log-probability of each token of a text, a JSON line each.",
        discussion: """
            Input lines are {"text": "…"} or {"ids": […]}. Output lines are {"ids", "logprobs"}. \
            logprobs[i] is the natural logarithm of the probability of ids[i+1] after ids[0…i]. \
            --top K adds top_ids and top_logprobs: the K most probable successors at each position, the last \
            one included. With --adapter, "model" chooses as in `moed generate`. --trace adds the root mean square of \
            each intermediate result, layer by layer.

            Example:
              echo '{"text": "How probable is this?"}' | moed score --model DIR --top 3
            """)

    @OptionGroup var options: ModelArguments

    @Option(help: "Number of most probable successors to add per position.")
    var top = 0

    @Flag(help: "Add the root mean square of each intermediate result.")
    var trace = false

    func run() async throws {
        try await CommandExit.translate {
            try Filters.score(options.model, top: top, traces: trace)
        }
    }

    func validate() throws {
        guard top >= 0 else { throw ValidationError("--top cannot be negative") }
        guard options.prefillChunk > 0 else { throw ValidationError("--prefill-chunk must be at least 1") }
    }
}
