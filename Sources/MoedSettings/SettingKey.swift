/// One configuration key: its place in the YAML file, its environment variable, its default, its explanation.
///
/// This table is the only place where keys, defaults and explanations are written. The reader, `moed run --help`,
/// `docs/configuration.md` and `systemd/moed.yaml.example` are made from it; a test compares the two files.
package struct SettingKey: Sendable {
    /// A value for the example file, for keys whose default is empty.
    enum Example: Sendable, Equatable {
        /// The file sets the key to its default.
        case none
        /// The file sets the key to this value.
        case set(String)
        /// The file shows this value in a comment.
        case suggested(String)
    }

    /// Dotted path in the YAML file, e.g. `queue.poll_interval`.
    package let path: String
    /// Default as written in the file; empty when the key is required or its value is derived.
    package let fallback: String
    /// Explanation in whole sentences. It states the meaning of `0`, `auto` and an empty value.
    package let explanation: String
    let example: Example

    init(_ path: String, _ fallback: String, example: Example = .none, _ explanation: String) {
        self.path = path
        self.fallback = fallback
        self.example = example
        self.explanation = explanation
    }

    /// Environment variable of the key: `MOED_QUEUE_POLL_INTERVAL` for `queue.poll_interval`.
    package var environmentName: String {
        "MOED_" + path.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
    }

    /// Part of the path before the dot.
    var section: Substring { path.prefix { $0 != "." } }
    /// Part of the path after the dot.
    var name: Substring { path.dropFirst(section.count + 1) }

    package static let databaseURL = SettingKey(
        "database.url", "", example: .set("\"host=/run/postgresql dbname=work\""),
        """
        Connection string of libpq (`host=… dbname=…`) or URI (`postgresql://…`). Empty: libpq's own variables and \
        defaults, such as PGHOST, PGSERVICE and PGPASSFILE. Peer authentication over a Unix socket needs no \
        password. The unit's credential `pgpass` is used where it exists.
        """)
    package static let modelPath = SettingKey(
        "model.path", "", example: .set("/var/lib/moed/model"),
        """
        Directory of a Hugging Face checkpoint (`config.json`, `tokenizer.json`, `*.safetensors`) or of a pack made by \
        `moed pack`. Or a GGUF file, of a split model the first one. Required.
        """)
    package static let modelName = SettingKey(
        "model.name", "", example: .suggested("qwen3"),
        "Name under which jobs ask for this model. Empty: the name of the directory.")
    package static let modelServeDefault = SettingKey(
        "model.serve_default", "true", "Also run jobs that name no model.")
    package static let modelExperts = SettingKey(
        "model.experts", "auto",
        """
        Weight format of the experts: `bf16` (as stored), `int8`, `int4` or `keep`. A format such as `int4/32` names \
        its own quant group. `keep`: codes of a quantised checkpoint as they are where a kernel multiplies them, else \
        `int8/32`. `auto`: the pack's format; for a checkpoint `bf16`, for a quantised one `keep`.
        """)
    package static let modelDense = SettingKey(
        "model.dense", "auto",
        """
        Weight format of all other matrices except the routers. The values are those of model.experts. With `int4` \
        the embeddings stay `int8`.
        """)
    package static let modelGroup = SettingKey(
        "model.group", "64",
        """
        Quant group: the number of inputs that share one scale in `int8` and `int4`. It is 32, 64 or 128.
        """)
    package static let modelPackCache = SettingKey(
        "model.pack_cache", "", example: .suggested("/var/cache/moed"),
        """
        Directory for packs that the daemon makes itself. A checkpoint is packed there at its first start and loaded \
        from there afterwards. Empty: no pack is made.
        """)
    package static let modelVerify = SettingKey(
        "model.verify", "first",
        """
        When to check the digest of an expert that is read while the model runs. `first`: at its first read, and at \
        each read once the file has changed. `always`: at each read. `never`: not at all.
        """)
    package static let memoryBudget = SettingKey(
        "memory.budget", "80%",
        """
        Memory of the whole process: bytes (`20GiB`), or a part (`80%`) of the machine's memory or the control \
        group's limit, whichever is less. Experts that do not fit are read from a pack while the model runs. A budget \
        below the minimum ends the start with exit code 78.
        """)
    package static let engineLocal = SettingKey(
        "engine.local", "true",
        """
        Run the model on this machine. `false`: only the endpoints run it. model.path then needs no weights: \
        tokenizer, template and `config.json` suffice.
        """)
    package static let engineThreads = SettingKey(
        "engine.threads", "0", "Compute threads. `0`: one for each physical core.")
    package static let engineSlots = SettingKey(
        "engine.slots", "0",
        """
        Maximum number of sequences that run together. `0` chooses: 32 if the model fits in memory; when experts are \
        streamed, the number (up to 256) beyond which throughput stops improving.
        """)
    package static let engineKVTokens = SettingKey(
        "engine.kv_tokens", "0",
        """
        Capacity of the KV cache in tokens, over all running sequences. `0` chooses 2048 for each sequence and at \
        least the model's context, or what memory.budget leaves. Short sequences share this capacity.
        """)
    package static let engineKV = SettingKey(
        "engine.kv", "auto",
        """
        Format of keys and values: `f32`, `f16` or `int8`. `auto`: `f32` for unquantised weights, otherwise `f16`. \
        `int8` has half the memory of `f16` and the fastest attention, for long prompts. Each format gives the same \
        tokens in every batch; another format may give other tokens.
        """)
    package static let enginePrefixCache = SettingKey(
        "engine.prefix_cache", "true",
        "Compute and store common prefixes of prompts once. The tokens are the same either way.")
    package static let engineRowsPerSweep = SettingKey(
        "engine.rows_per_sweep", "0",
        """
        Maximum number of tokens in one sweep (a pass through all layers), decoding and prefill together. `0` \
        chooses: 512 if the model fits in memory; when experts are streamed, up to 4096 while throughput improves.
        """)
    package static let enginePrefillChunk = SettingKey(
        "engine.prefill_chunk", "0",
        """
        Maximum number of tokens of one prompt in one sweep. `0` chooses 256, or the whole sweep where \
        engine.rows_per_sweep was raised for streamed experts.
        """)
    package static let engineMaxSweepMS = SettingKey(
        "engine.max_sweep_ms", "2000",
        """
        Target time per sweep while prompts are being prefilled, in milliseconds. When experts are streamed and that \
        alone takes longer, a sweep may take 1.5 × the streaming time. `0`, and `--drain`, set no limit.
        """)
    package static let engineCPU = SettingKey(
        "engine.cpu", "auto",
        """
        Kernel variant: `auto`, `scalar`, `avx2` or `avx512`. The tokens are the same. The variable MOED_CPU sets \
        this key too.
        """)
    package static let engineFetch = SettingKey(
        "engine.fetch", "auto",
        """
        The way to fetch quantised weights ahead of their use: `auto`, `l2`, `l2-short`, `l2-long`, `l1` or `none`. \
        `auto` tries them at the start, in at most 0.6 seconds. The tokens are the same.
        """)
    package static let generationMaxTokens = SettingKey(
        "generation.max_tokens", "4096",
        "Maximum number of new tokens of a job that names no max_tokens. `0`: the rest of the context.")
    package static let generationAnswerReserve = SettingKey(
        "generation.answer_reserve", "256",
        """
        Tokens that thinking leaves to the answer, at most a quarter of a job's max_tokens. When only these are \
        left, moed ends the thinking as at a thinking budget. A job's own answer_reserve overrides it. `0`: none.
        """)
    package static let generationEffortMinimal = SettingKey(
        "generation.effort_minimal", "512",
        """
        Thinking budget, in tokens, of jobs with reasoning_effort `minimal`. A job's own thinking_token_budget \
        overrides it. `0`: no limit.
        """)
    package static let generationEffortLow = SettingKey(
        "generation.effort_low", "2048", "The same for reasoning_effort `low`.")
    package static let generationEffortMedium = SettingKey(
        "generation.effort_medium", "8192", "The same for reasoning_effort `medium`.")
    package static let generationEffortHigh = SettingKey(
        "generation.effort_high", "0", "The same for reasoning_effort `high`; `xhigh` and `max` have no limit.")
    package static let generationReasoning = SettingKey(
        "generation.reasoning", "thinking",
        """
        Mode of jobs that name none: `thinking` or `non_thinking`. A model with one mode runs all jobs in it.
        """)
    package static let generationControlTokens = SettingKey(
        "generation.control_tokens", "text",
        """
        Reading of control tokens, such as Qwen's end of a turn, in messages of users and tools. `text`: ordinary \
        text, so that a document cannot open a new turn. `transformers`: control tokens, as in transformers and vLLM.
        """)
    package static let generationTemplateTime = SettingKey(
        "generation.template_time", "2s",
        """
        Maximum computing time of one rendering of the chat template. A job whose rendering takes longer fails.
        """)
    package static let queuePollInterval = SettingKey(
        "queue.poll_interval", "2s", "Time between two polls of the queue when no notification arrives.")
    package static let queueListen = SettingKey(
        "queue.listen", "true",
        """
        Use LISTEN to learn of new jobs at once. Behind a pooler notifications do not arrive, and moed polls.
        """)
    package static let queueLease = SettingKey(
        "queue.lease", "20s",
        """
        A worker that does not renew its lease for this long is declared dead. Other workers then take its jobs.
        """)
    package static let queueMaxWait = SettingKey(
        "queue.max_wait", "60s",
        """
        A job that has waited this long starts next, whatever its job class (model, mode, length). Until then jobs \
        of the running class come first.
        """)
    package static let queueClaimMax = SettingKey(
        "queue.claim_max", "64", "Maximum number of jobs that one statement claims.")
    package static let queueCheckpointInterval = SettingKey(
        "queue.checkpoint_interval", "10s",
        """
        Time between two checkpoints of running jobs. After a crash, a drain or a restart a job continues from its \
        last checkpoint.
        """)
    package static let queueCheckpointTokens = SettingKey(
        "queue.checkpoint_tokens", "64",
        """
        A job that has generated this many new tokens gets a checkpoint before queue.checkpoint_interval is over. \
        A twentieth of that interval lies between two checkpoints at least.
        """)
    package static let queueRetention = SettingKey(
        "queue.retention", "0s",
        """
        Finished jobs are deleted after this time, such as `30d`. The token account keeps their rows. `0s`: \
        never.
        """)
    package static let shutdownGrace = SettingKey(
        "shutdown.grace", "8s",
        "After SIGTERM running jobs may finish for this long. The rest return to the queue.")
    package static let statusListen = SettingKey(
        "status.listen", "", example: .suggested("127.0.0.1:9464"),
        """
        Address for metrics (Prometheus) and health over HTTP: `127.0.0.1:9464`, `[::1]:9464` or the absolute path \
        of a Unix socket. Empty: none. There is no password.
        """)
    package static let logFormat = SettingKey(
        "log.format", "auto",
        """
        Form of the log. auto: fields of the journal under systemd, else lines of text on standard error. text: lines \
        always. json: a JSON object a line, for containers.
        """)

    package static let logLevel = SettingKey(
        "log.level", "info",
        """
        Lowest level that is logged: `trace`, `debug`, `info`, `notice`, `warning`, `error` or `critical`. Prompts \
        and outputs are never logged.
        """)

    /// Paths of the keys that SIGHUP changes at once.
    package static let reloadable = Set(
        [queuePollInterval, queueClaimMax, queueRetention, shutdownGrace, logLevel].map(\.path))

    package static let routingPolicy = SettingKey(
        "routing.policy", "failover",
        """
        Choice among endpoints that can take a request. `failover`: the first of the list. `cheapest`: the lowest \
        expected cost by the prices; without prices it costs nothing. `fastest`: the most tokens per second, as \
        measured. `deadline`: the cheapest that ends the job in time, and beside an engine here only jobs that it \
        would not end by their `expires_at`. A job stays at its endpoint while that takes requests.
        """)

    package static let all: [SettingKey] = [
        databaseURL, modelPath, modelName, modelServeDefault, modelExperts, modelDense, modelGroup,
        modelPackCache, modelVerify, memoryBudget, engineLocal, engineThreads, engineSlots, engineKVTokens, engineKV,
        enginePrefixCache, engineRowsPerSweep, enginePrefillChunk, engineMaxSweepMS, engineCPU, engineFetch,
        generationMaxTokens, generationAnswerReserve, generationEffortMinimal, generationEffortLow,
        generationEffortMedium, generationEffortHigh, generationReasoning, generationControlTokens,
        generationTemplateTime,
        queuePollInterval, queueListen, queueLease, queueMaxWait, queueClaimMax,
        queueCheckpointInterval, queueCheckpointTokens, queueRetention, routingPolicy, shutdownGrace,
        statusListen, logLevel, logFormat,
    ] + moderation + gateway
}
