import MoedReading
import Logging
import MoedBatching
import MoedCore
import MoedEndpoints
import MoedEngine
import MoedHost
import MoedLocal
import MoedModeration
import MoedPreparation
import MoedRemote
import MoedRemoteHTTP
import MoedSettings
import MoedText
import MoedWeights
import MoedWorker

/// The runner of a daemon with its parts: the local engine, endpoints, or both.
struct Engines {
    /// The local engine's threads and figures.
    struct Local {
        var sweeps: SweepThread
        var streaming: StreamingMeter
        var clamps: KVClamps
        var runner: LocalRunner
        var adapters: AdapterLoader
        var plan: MemoryPlan?
        var progress: @Sendable () -> UInt64
    }

    let runner: any JobRunner
    let local: Local?
    let remote: RemoteRunner?
    let transport: HTTPTransport?
    let moderation: ModerationDesk
    /// Lines for the log once the engines are ready.
    let start: [String]
    private let remoteProgress = ProgressCounter(name: "endpoint loop")

    /// - Parameter model: the loaded model; nil when only endpoints run it.
    init(
        _ settings: Settings, model: sending ModelRunner?, drains: Bool, log: Logger
    ) throws {
        let moderation = ModerationDesk(settings.moderation) { log.warning("\($0)") }
        self.moderation = moderation
        var lines: [String] = []
        var local: (runner: LocalRunner, parts: Local)?
        if let model {
            let kernels = "kernels \(model.engine.kernelsName), \(model.engine.fetchText)"
            lines += ["ready: \(model.summary)", model.memory, model.batch.text, kernels].compactMap { $0 }
            local = try Self.local(model, settings, moderation.inquirer, drains: drains)
        }
        self.local = local?.parts
        guard !settings.endpoints.isEmpty else {
            guard let local else { throw ConfigurationProblem("engine.local is false, and there are no endpoints") }
            (runner, remote, transport, start) = (local.runner, nil, nil, lines)
            return
        }
        let text = try TextSide(directory: settings.model.directory)
        let origin = try EndpointOrigin.origin(settings, text, isLocal: local != nil)
        let transport = HTTPTransport(settings.endpoints.map(\.address))
        var rules = RemoteJobs.Rules(
            vocabularySize: text.vocabularySize, endIDs: text.endIDs, probePrompt: text.tokenizer.encode("1 + 1 ="))
        rules.policy = settings.routing
        let jobs = RemoteJobs(
            settings.endpoints.map(\.endpoint), rules: rules,
            checkpoints: settings.queue.checkpoints, seed: .random(in: 0 ... .max))
        let remote = try RemoteRunner(
            jobs: jobs, preparer: Self.preparer(settings, text, moderation.inquirer), transport: transport,
            served: (origin, settings.served.names), progress: remoteProgress
        ) { remark in log.log(level: remark.isWarning ? .warning : .notice, "\(remark.text)") }
        lines.append("endpoints: \(settings.endpoints.map(\.endpoint.name).joined(separator: ", "))")
        (self.remote, self.transport, start) = (remote, transport, lines)
        guard let local else {
            runner = remote
            return
        }
        runner = CombinedRunner(
            local.runner, remote, origin: origin, plansDeadlines: settings.routing == .deadline)
    }

    private static func local(
        _ model: sending ModelRunner, _ settings: Settings, _ inquirer: any ContentInquirer, drains: Bool
    ) throws -> (LocalRunner, Local) {
        let engine = model.engine
        var preparer = model.preparer
        preparer.inquirer = inquirer
        let (streaming, engineProgress, plan) = (engine.streaming, engine.progress, model.plan)
        let clamps = engine.kvClamps
        let (origin, adapters) = (model.origin(model: settings.served.name), model.adapters)
        let interruption = engine.interruption
        let progress = ProgressCounter(name: "sweep loop")
        let loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: settings.queue.maxWait),
            prefillChunkMax: model.batch.prefillChunk,
            // The end of a drain's last job matters, not the time between two tokens.
            sweepTimeMax: drains ? nil : settings.model.sweepTimeMax)
        let sweeps = try SweepThread(
            loop: loop, progress: progress, interruption: interruption,
            checkpoints: settings.queue.checkpoints)
        let runner = try LocalRunner(
            sweeps: sweeps, preparer: preparer, origin: origin, adapters: adapters.served,
            models: settings.served.names)
        // A sweep may take long, so each of its layers and each set of experts read counts as progress.
        let parts = Local(
            sweeps: sweeps, streaming: streaming, clamps: clamps, runner: runner, adapters: adapters, plan: plan,
            progress: { progress.value &+ engineProgress.value })
        return (runner, parts)
    }

    /// Preparer of jobs for endpoints. Their own context lengths lower the limit once they are known.
    private static func preparer(
        _ settings: Settings, _ text: TextSide, _ inquirer: any ContentInquirer
    ) -> RequestPreparer {
        var options = settings.model.preparation
        options.readsLogits = false
        options.keepsMessages = settings.endpoints.contains { $0.endpoint.api == .chat }
        var preparer = RequestPreparer(
            text: text,
            limits: EngineLimits(
                contextLength: text.contextLength, kvTokens: text.contextLength, kvBlockTokens: 1,
                sequencesMax: 4096, rowsPerSweepMax: 4096),
            maxTokensDefault: settings.model.maxTokensDefault, options: options)
        preparer.inquirer = inquirer
        return preparer
    }

    /// Closes connections to other machines.
    func shutdown() async {
        await transport?.shutdown()
        await moderation.shutdown()
    }

    // MARK: Figures

    /// Figures of all engines together.
    var snapshot: SweepThread.Snapshot {
        var snapshot = local?.sweeps.snapshot ?? SweepThread.Snapshot()
        guard let remote = remote?.snapshot else { return snapshot }
        snapshot.jobs += remote.jobs
        snapshot.generatedTokens += remote.tokensReceived
        snapshot.runningSequences += remote.endpoints.reduce(0) { $0 + $1.inFlight }
        snapshot.sequencesFree += remote.room
        return snapshot
    }

    /// Progress counters of the watched loops, by name.
    var progress: [String: UInt64] {
        var progress: [String: UInt64] = [:]
        if let local {
            progress["sweep loop"] = local.progress()
            progress[local.runner.preparationProgress.name] = local.runner.preparationProgress.value
        }
        if let remote {
            progress[remoteProgress.name] = remoteProgress.value
            progress["\(remote.preparationProgress.name) for endpoints"] = remote.preparationProgress.value
        }
        return progress
    }

    /// Each asks one thread for a sign of life, and waits for its answer.
    var probes: [@Sendable () async -> Void] {
        var probes: [@Sendable () async -> Void] = []
        if let local {
            probes += [{ await local.sweeps.answerProbe() }, { await local.runner.answerProbe() }]
        }
        if let remote { probes.append { await remote.answerProbe() } }
        return probes
    }
}

/// Origin of a worker with endpoints: their weights are unknown, so that only text counts. Checkpoints are continued by
/// the local engine and by endpoints alike.
private enum EndpointOrigin {
    /// Without a local engine and token ids nothing can be continued: such a worker reads no checkpoint of others.
    static func origin(_ settings: Settings, _ text: TextSide, isLocal: Bool) throws -> RunnerOrigin {
        let isOnlyText = !isLocal && !settings.endpoints.contains { $0.endpoint.api == .tokens }
        let files = try ModelFiles.open(settings.model.directory).digests().filter { $0.name != "config.json" }
        let details = JSONObject([
            ("engines", isOnlyText ? "chat" : "any"),
            ("files", .object(JSONObject(files.map { ($0.name, .string("\($0.digest)")) }))),
            ("generation", .object(settings.model.preparation.origin)),
        ])
        let digest = Digest(Array(JSONValue.object(details).serialized().utf8))
        return RunnerOrigin(
            digest: "\(digest)", model: settings.served.name,
            formats: isOnlyText ? "endpoints by chat" : "local engine and endpoints, or endpoints only",
            details: details)
    }
}
