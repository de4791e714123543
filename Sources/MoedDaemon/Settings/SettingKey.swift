/// One configuration key: its place in the YAML file, its environment variable, its default, its explanation.
///
/// This table is the only place where keys and defaults are written: the reader, `moed check`, `moed run --help` and
/// the example file all follow it.
package struct SettingKey: Sendable {
    /// Dotted path in the YAML file, e.g. `queue.poll_interval`.
    package let path: String
    /// The default as it would be written in the file; empty when the key must be given or is derived.
    package let fallback: String
    package let explanation: String

    private init(_ path: String, _ fallback: String, _ explanation: String) {
        self.path = path
        self.fallback = fallback
        self.explanation = explanation
    }

    /// `queue.poll_interval` is read from `MOED_QUEUE_POLL_INTERVAL`.
    package var environmentName: String {
        "MOED_" + path.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
    }

    static let databaseURL = SettingKey(
        "database.url", "", "libpq connection string or URI; empty uses libpq's PG… variables and defaults")
    static let modelPath = SettingKey(
        "model.path", "", "directory of a Hugging Face checkpoint or of a pack (required)")
    static let modelName = SettingKey(
        "model.name", "", "name that jobs ask for; the directory's name unless given")
    static let modelServeDefault = SettingKey(
        "model.serve_default", "true", "also run jobs that name no model")
    static let modelExperts = SettingKey(
        "model.experts", "auto",
        "format of the experts: bf16 (as stored), int8, int4; auto is the pack's, or bf16")
    static let modelDense = SettingKey(
        "model.dense", "auto",
        "format of all other matrices but the routers: bf16, int8, int4 (embeddings stay int8); auto as above"
    )
    static let modelGroup = SettingKey(
        "model.group", "64",
        "inputs that share a scale in int8 and int4: 32, 64 or 128; int4/32 names its own")
    static let modelPackCache = SettingKey(
        "model.pack_cache", "",
        "directory where a checkpoint is packed on first use, and found again; empty packs nothing")
    static let modelVerify = SettingKey(
        "model.verify", "first",
        "digests of experts that are read while the model runs: first (and once the file has changed), always, "
            + "never")
    static let memoryBudget = SettingKey(
        "memory.budget", "80%",
        "memory of the process: bytes (20GiB) or a part of the machine's or the control group's; experts that do "
            + "not fit are read from a pack while it runs")
    static let engineThreads = SettingKey(
        "engine.threads", "0", "compute threads; 0 is one per physical core")
    static let engineSlots = SettingKey(
        "engine.slots", "0",
        "sequences that run together, at most; 0 is 32, or where experts are read from a disk as many as share that "
            + "with profit")
    static let engineKVTokens = SettingKey(
        "engine.kv_tokens", "0",
        "tokens of KV cache over all sequences; 0 is room for 2048 of each, or what memory.budget leaves")
    static let engineKV = SettingKey(
        "engine.kv", "auto",
        "format of keys and values: f32, f16, int8; auto is f32 for unquantised weights, else f16")
    static let enginePrefixCache = SettingKey(
        "engine.prefix_cache", "true",
        "compute and hold equal beginnings of prompts once; results are the same")
    static let engineRowsPerSweep = SettingKey(
        "engine.rows_per_sweep", "0",
        "tokens in one pass through the layers, decoding and prefill together; 0 is 512, or as above")
    static let enginePrefillChunk = SettingKey(
        "engine.prefill_chunk", "0", "tokens of one prompt in one pass, at most; 0 is 256, or as above")
    static let engineMaxSweepMS = SettingKey(
        "engine.max_sweep_ms", "2000",
        "milliseconds between two tokens of a job while prompts are read beside it, about; 0 and --drain: no bound"
    )
    static let engineCPU = SettingKey(
        "engine.cpu", "auto",
        "kernel variant: auto, scalar, avx2, avx512 (also MOED_CPU); results are the same")
    static let generationMaxTokens = SettingKey(
        "generation.max_tokens", "4096",
        "new tokens of a job that names no max_tokens; 0 is the rest of the context")
    static let queuePollInterval = SettingKey(
        "queue.poll_interval", "2s", "look for jobs this often even when nothing was notified")
    static let queueListen = SettingKey(
        "queue.listen", "true", "LISTEN for new jobs; switch off behind a transaction-mode pooler")
    static let queueLease = SettingKey(
        "queue.lease", "20s", "a worker silent for this long is dead and its jobs go to others")
    static let queueMaxWait = SettingKey(
        "queue.max_wait", "60s", "a job that has waited this long starts next, whatever its group")
    static let queueClaimMax = SettingKey("queue.claim_max", "64", "jobs claimed in one statement, at most")
    static let queueCheckpointInterval = SettingKey(
        "queue.checkpoint_interval", "10s",
        "running jobs' new tokens are kept this often: after a crash they go on from there")
    static let queueCheckpointTokens = SettingKey(
        "queue.checkpoint_tokens", "64",
        "or after so many tokens of one job, but not before a twentieth of the interval")
    static let queueRetention = SettingKey(
        "queue.retention", "0s",
        "jobs that ended longer ago are deleted (720h: after 30 days), their token account is not; 0s keeps all"
    )
    static let shutdownGrace = SettingKey(
        "shutdown.grace", "8s", "after SIGTERM running jobs may finish for this long, then they are released")
    static let statusListen = SettingKey(
        "status.listen", "",
        "metrics (Prometheus) and health over HTTP, at 127.0.0.1:9464 say, or a Unix socket's path; empty: none"
    )
    static let logLevel = SettingKey(
        "log.level", "info",
        "trace, debug, info, notice, warning, error; prompts and outputs are never logged")

    package static let all: [SettingKey] = [
        databaseURL, modelPath, modelName, modelServeDefault, modelExperts, modelDense, modelGroup,
        modelPackCache, modelVerify, memoryBudget, engineThreads, engineSlots, engineKVTokens, engineKV,
        enginePrefixCache, engineRowsPerSweep, enginePrefillChunk, engineMaxSweepMS, engineCPU,
        generationMaxTokens, queuePollInterval,
        queueListen,
        queueLease, queueMaxWait, queueClaimMax, queueCheckpointInterval, queueCheckpointTokens,
        queueRetention, shutdownGrace, statusListen, logLevel,
    ]
}
