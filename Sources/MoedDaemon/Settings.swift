import MoedReading
package import Logging
package import MoedBatching
package import MoedCore
package import MoedEndpoints
import MoedEngine
package import MoedFront
import MoedHost
package import MoedLocal
package import MoedModeration
import MoedPreparation
package import MoedRemote
package import MoedSettings
import MoedSystemd
import MoedWeights
package import MoedWorker

/// The daemon's configuration, complete and checked. It is read once and passed down; no code below reads files or
/// variables.
package struct Settings: Sendable, Equatable {
    package struct Database: Sendable, Equatable {
        package var url: String
    }
    /// Names under which jobs ask for the model itself.
    package struct Served: Sendable, Equatable {
        package var name: String
        /// True when jobs that name no model also run here.
        package var servesDefault: Bool
        package var names: [String] { servesDefault ? [name, "default"] : [name] }
    }
    package struct Queue: Sendable, Equatable {
        package var pollInterval: Duration
        package var listens: Bool
        package var lease: Duration
        package var maxWait: Duration
        package var claimMax: Int
        package var checkpointInterval: Duration
        package var checkpointTokens: Int
        /// Time after which finished jobs are deleted; zero keeps them for ever.
        package var retention: Duration

        package var checkpoints: CheckpointSchedule {
            CheckpointSchedule(interval: checkpointInterval, tokens: checkpointTokens)
        }
    }

    package var database: Database
    /// Model to run and options of its engine.
    package var model: ModelOptions
    /// True when this machine runs the model itself.
    package var runsLocally: Bool
    /// Engines elsewhere, in order of preference.
    package var endpoints: [EndpointSettings]
    package var routing: RoutingPolicy
    /// Service that rules about texts ask; nil for none.
    package var moderation: ModerationService?
    package var served: Served
    package var queue: Queue
    package var shutdownGrace: Duration
    /// Address of the status server; nil starts none.
    package var statusAddress: StatusAddress?
    package var logLevel: Logger.Level
    /// A value of `LogDestination.formats`.
    package var logFormat: String
}

extension Settings {
    /// Remarks about a local model's options that are allowed and probably wrong.
    var modelWarnings: [String] { runsLocally ? ModelCheck.warnings(model) : [] }

    /// Settings of the worker that connects queue and runner.
    package func worker(drains: Bool) -> WorkerSettings {
        var worker = WorkerSettings(
            conninfo: database.url, pollInterval: queue.pollInterval, lease: queue.lease,
            maxWait: queue.maxWait, claimMax: queue.claimMax)
        worker.retention = queue.retention
        worker.shutdownGrace = shutdownGrace
        worker.drains = drains
        return worker
    }

    /// Checks every value and collects all problems, so that one run of `moed check` shows them all.
    package static func read(_ sources: SettingSources) -> Result<Settings, ConfigurationProblems> {
        var reader = SettingReader(sources)
        let path = reader.text(.modelPath)
        if path.isEmpty, !sources.isUnreadable {
            reader.report(.modelPath, "is required: the directory of a Hugging Face checkpoint or of a pack")
        }
        let named = reader.text(.modelName)
        let name = named.isEmpty ? WholeFile.name(of: path) : named
        // The column moed.model.name holds at most 256 characters; a name on several lines would be confusing.
        if name.unicodeScalars.contains(where: { $0.value < 32 }) || name.unicodeScalars.count > 256 {
            reader.report(.modelName, "must be at most 256 characters on one line")
        }
        var model = model(&reader, path: path)
        model.adapters = sources.adapters.map { AdapterOption(name: $0.name, path: $0.path) }
        var faults = sources.adapterProblems(model: name, isLocal: reader.boolean(.engineLocal))
        let endpoints = EndpointSettings.read(
            sources.endpoints, served: name, credentials: sources.credentialsDirectory) { faults.append($0) }
        faults.forEach { reader.report($0) }
        let moderation = ModerationService.read(&reader, credentials: sources.credentialsDirectory)
        let settings = Settings(
            database: .init(url: sources.conninfo), model: model, runsLocally: reader.boolean(.engineLocal),
            endpoints: endpoints,
            routing: RoutingPolicy(
                rawValue: reader.choice(.routingPolicy, of: RoutingPolicy.allCases.map(\.rawValue))) ?? .failover,
            moderation: moderation,
            served: .init(name: name, servesDefault: reader.boolean(.modelServeDefault)),
            queue: queue(&reader),
            shutdownGrace: reader.duration(.shutdownGrace, in: .zero ... .seconds(3600)),
            statusAddress: statusAddress(&reader),
            logLevel: Logger.Level(
                rawValue: reader.choice(.logLevel, of: Logger.Level.allCases.map(\.rawValue))) ?? .info,
            logFormat: reader.choice(.logFormat, of: LogDestination.formats))
        if model.rowsPerSweep > 0, model.rowsPerSweep < model.sequences {
            reader.report(.engineRowsPerSweep, "must be at least engine.slots (\(model.sequences))")
        }
        if !settings.runsLocally, sources.endpoints.isEmpty {
            reader.report(.engineLocal, "is false, and endpoints lists no engine: nothing would run jobs")
        }
        guard reader.problems.isEmpty else { return .failure(ConfigurationProblems(reader.problems)) }
        return .success(settings)
    }
}

extension Settings {
    private static func model(_ reader: inout SettingReader, path: String) -> ModelOptions {
        var model = ModelOptions(directory: path)
        let packCache = reader.text(.modelPackCache)
        model.formats = formats(&reader)
        model.packCache = packCache.isEmpty ? nil : packCache
        model.verification =
            ExpertVerification(
                rawValue: reader.choice(.modelVerify, of: ExpertVerification.allCases.map(\.rawValue)))
            ?? .first
        let budget = reader.text(.memoryBudget)
        model.budget = MemoryBudget(budget)
        if model.budget == nil {
            reader.report(.memoryBudget, "must be bytes like 20GiB or a part like 80%", not: budget)
        }
        model.threads = reader.integer(.engineThreads, in: 0...1024)
        model.sequences = reader.integer(.engineSlots, in: 0...4096)
        model.kvTokens = reader.integer(.engineKVTokens, in: 0...1_000_000_000)
        model.kvFormat = KVFormat(rawValue: reader.choice(.engineKV, of: KVFormat.words))
        model.sharesPrefixes = reader.boolean(.enginePrefixCache)
        model.rowsPerSweep = reader.integer(.engineRowsPerSweep, in: 0...16_384)
        model.prefillChunk = reader.integer(.enginePrefillChunk, in: 0...16_384)
        let sweepMilliseconds = reader.integer(.engineMaxSweepMS, in: 0...3_600_000)
        model.sweepTimeMax = sweepMilliseconds == 0 ? nil : .milliseconds(sweepMilliseconds)
        model.kernels = ModelOptions.kernels(
            named: reader.choice(.engineCPU, of: ["auto", "scalar", "avx2", "avx512"]))
        model.fetch = ModelOptions.fetch(
            named: reader.choice(.engineFetch, of: ["auto"] + FetchTuning.allCases.map(\.rawValue)))
        let maxTokens = reader.integer(.generationMaxTokens, in: 0...1_000_000)
        model.maxTokensDefault = maxTokens == 0 ? nil : maxTokens
        model.preparation = preparation(&reader)
        model.isReadyEarly = true
        return model
    }

    private static func preparation(_ reader: inout SettingReader) -> PreparationOptions {
        var options = PreparationOptions()
        options.answerReserve = reader.integer(.generationAnswerReserve, in: 0...1_000_000)
        options.effortBudgets = [:]
        for (effort, key) in [
            ("minimal", SettingKey.generationEffortMinimal), ("low", .generationEffortLow),
            ("medium", .generationEffortMedium), ("high", .generationEffortHigh),
        ] {
            let budget = reader.integer(key, in: 0...1_000_000)
            if budget > 0 { options.effortBudgets[effort] = budget }
        }
        options.mode =
            ReasoningMode(
                rawValue: reader.choice(.generationReasoning, of: ReasoningMode.allCases.map(\.rawValue)))
            ?? .thinking
        options.controlTokens =
            ControlTokens(
                rawValue: reader.choice(.generationControlTokens, of: ControlTokens.allCases.map(\.rawValue)))
            ?? .text
        options.templateTime = reader.duration(
            .generationTemplateTime, in: .milliseconds(10) ... .seconds(60))
        return options
    }

    private static func queue(_ reader: inout SettingReader) -> Queue {
        Queue(
            pollInterval: reader.duration(.queuePollInterval, in: .milliseconds(10) ... .seconds(3600)),
            listens: reader.boolean(.queueListen),
            lease: reader.duration(.queueLease, in: .seconds(2) ... .seconds(3600)),
            maxWait: reader.duration(.queueMaxWait, in: .zero ... .seconds(86_400)),
            claimMax: reader.integer(.queueClaimMax, in: 1...4096),
            checkpointInterval: reader.duration(
                .queueCheckpointInterval, in: .milliseconds(20) ... .seconds(3600)),
            checkpointTokens: reader.integer(.queueCheckpointTokens, in: 1...1_000_000),
            retention: reader.duration(.queueRetention, in: .zero ... .seconds(315_360_000)))
    }

    private static func statusAddress(_ reader: inout SettingReader) -> StatusAddress? {
        let text = reader.text(.statusListen)
        let address = StatusAddress(text)
        if address == nil, !text.isEmpty {
            reader.report(
                .statusListen, "must be like 127.0.0.1:9464, [::1]:9464 or an absolute path", not: text)
        }
        return address
    }

    private static func formats(_ reader: inout SettingReader) -> FormatChoice {
        FormatChoice(
            experts: reader.choice(.modelExperts, of: ["auto"] + FormatChoice.words),
            dense: reader.choice(.modelDense, of: ["auto"] + FormatChoice.words),
            group: Int(reader.choice(.modelGroup, of: FormatChoice.groupWords)) ?? FormatChoice.groupDefault)
    }
}
