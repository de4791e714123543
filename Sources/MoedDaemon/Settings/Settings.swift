package import Logging
package import MoedBatching
package import MoedEngine
package import MoedObservability
import MoedWeights

/// The daemon's configuration, complete and checked. Read once, passed down; nothing below reads files or variables.
package struct Settings: Sendable, Equatable {
    package struct Database: Sendable, Equatable {
        package var url: String
    }
    package struct Model: Sendable, Equatable {
        package var path: String
        package var name: String
        package var servesDefault: Bool
        package var formats: FormatChoice
        /// Where checkpoints are packed on first use; nil packs nothing.
        package var packCache: String?
        package var verification: ExpertVerification
    }
    package struct Engine: Sendable, Equatable {
        package var threads: Int
        /// 0 chooses; so it is with rows and prefill chunk.
        package var slots: Int
        package var kvTokens: Int
        /// Nil chooses by the weights.
        package var kvFormat: KVFormat?
        package var prefixCache: Bool
        package var rowsPerSweep: Int
        package var prefillChunk: Int
        /// Nil sets no bound.
        package var sweepTimeMax: Duration?
        package var cpu: String
    }
    package struct Queue: Sendable, Equatable {
        package var pollInterval: Duration
        package var listens: Bool
        package var lease: Duration
        package var maxWait: Duration
        package var claimMax: Int
        package var checkpointInterval: Duration
        package var checkpointTokens: Int
        /// How long ended jobs are kept; zero is for ever.
        package var retention: Duration

        /// Three renewals may be lost (failover, a long statement) before another worker can take the jobs.
        package var beatInterval: Duration { lease / 4 }
        package var checkpoints: CheckpointSchedule {
            CheckpointSchedule(interval: checkpointInterval, tokens: checkpointTokens)
        }
    }

    package var database: Database
    package var model: Model
    package var memoryBudget: MemoryBudget
    package var engine: Engine
    package var queue: Queue
    /// New tokens of a job that names no `max_tokens`; nil is the rest of the context.
    package var maxTokensDefault: Int?
    package var shutdownGrace: Duration
    /// Nil listens nowhere.
    package var statusAddress: StatusAddress?
    package var logLevel: Logger.Level
}

extension Settings {
    /// Checks every value and collects all problems, so that one run of `moed check` shows them all.
    package static func read(_ sources: SettingSources) -> Result<Settings, ConfigurationProblems> {
        var reader = SettingReader(sources)
        let path = reader.text(.modelPath)
        if path.isEmpty && !sources.isUnreadable {
            reader.report(.modelPath, "is required: the directory of a Hugging Face checkpoint or of a pack")
        }
        let named = reader.text(.modelName)
        let name = named.isEmpty ? Filters.lastComponent(path) : named
        // What the column moed.model.name holds; a name on several lines would only confuse.
        if name.unicodeScalars.contains(where: { $0.value < 32 }) || name.unicodeScalars.count > 256 {
            reader.report(.modelName, "must be at most 256 characters on one line")
        }
        let packCache = reader.text(.modelPackCache)
        let budget = MemoryBudget(reader.text(.memoryBudget))
        if budget == nil {
            reader.report(
                .memoryBudget,
                "must be bytes like 20GiB or a part like 80%, not “\(reader.text(.memoryBudget))”")
        }
        let sweepMilliseconds = reader.integer(.engineMaxSweepMS, in: 0...3_600_000)
        let maxTokens = reader.integer(.generationMaxTokens, in: 0...1_000_000)
        let settings = Settings(
            database: .init(url: reader.text(.databaseURL)),
            model: .init(
                path: path, name: name, servesDefault: reader.boolean(.modelServeDefault),
                formats: formats(&reader), packCache: packCache.isEmpty ? nil : packCache,
                verification: ExpertVerification(
                    rawValue: reader.choice(
                        .modelVerify, of: ExpertVerification.allCases.map(\.rawValue))) ?? .first),
            memoryBudget: budget ?? .percent(100),
            engine: .init(
                threads: reader.integer(.engineThreads, in: 0...1024),
                slots: reader.integer(.engineSlots, in: 0...4096),
                kvTokens: reader.integer(.engineKVTokens, in: 0...1_000_000_000),
                kvFormat: KVFormat(rawValue: reader.choice(.engineKV, of: KVFormat.words)),
                prefixCache: reader.boolean(.enginePrefixCache),
                rowsPerSweep: reader.integer(.engineRowsPerSweep, in: 0...16_384),
                prefillChunk: reader.integer(.enginePrefillChunk, in: 0...16_384),
                sweepTimeMax: sweepMilliseconds == 0 ? nil : .milliseconds(sweepMilliseconds),
                cpu: reader.choice(.engineCPU, of: ["auto", "scalar", "avx2", "avx512"])),
            queue: .init(
                pollInterval: reader.duration(.queuePollInterval, in: .milliseconds(10) ... .seconds(3600)),
                listens: reader.boolean(.queueListen),
                lease: reader.duration(.queueLease, in: .seconds(2) ... .seconds(3600)),
                maxWait: reader.duration(.queueMaxWait, in: .zero ... .seconds(86_400)),
                claimMax: reader.integer(.queueClaimMax, in: 1...4096),
                checkpointInterval: reader.duration(
                    .queueCheckpointInterval, in: .milliseconds(20) ... .seconds(3600)),
                checkpointTokens: reader.integer(.queueCheckpointTokens, in: 1...1_000_000),
                retention: reader.duration(.queueRetention, in: .zero ... .seconds(315_360_000))),
            maxTokensDefault: maxTokens == 0 ? nil : maxTokens,
            shutdownGrace: reader.duration(.shutdownGrace, in: .zero ... .seconds(3600)),
            statusAddress: statusAddress(&reader),
            logLevel: Logger.Level(
                rawValue: reader.choice(.logLevel, of: Logger.Level.allCases.map(\.rawValue))) ?? .info)
        if settings.engine.rowsPerSweep > 0, settings.engine.rowsPerSweep < settings.engine.slots {
            reader.report(.engineRowsPerSweep, "must be at least engine.slots (\(settings.engine.slots))")
        }
        guard reader.problems.isEmpty else { return .failure(ConfigurationProblems(reader.problems)) }
        return .success(settings)
    }
}

extension Settings {
    private static func statusAddress(_ reader: inout SettingReader) -> StatusAddress? {
        let text = reader.text(.statusListen)
        let address = StatusAddress(text)
        if address == nil, !text.isEmpty {
            reader.report(
                .statusListen, "must be like 127.0.0.1:9464, [::1]:9464 or an absolute path, not “\(text)”")
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

/// Everything wrong with a configuration; ends the process with exit code 78.
package struct ConfigurationProblems: Error, Sendable, CustomStringConvertible {
    package let problems: [ConfigurationProblem]
    package init(_ problems: [ConfigurationProblem]) { self.problems = problems }
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
