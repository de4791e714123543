import MoedBatching
import MoedCore
import MoedEngine
import MoedLocal
import MoedPreparation
import MoedWeights

extension Planning {
    /// Maximum number of jobs; a sample is as informative.
    private static let jobsMax = 10_000
    /// Default of `generation.max_tokens`.
    private static let maxTokensDefault = 4096

    /// A workload's tasks, prepared as in the daemon.
    ///
    /// - Throws: `ConfigurationProblem` naming the job that cannot run, `TextError` about the tokenizer.
    static func jobs(
        _ workload: WorkloadSource, _ options: Options, _ model: UnloadedModel
    ) throws -> [GenerationTask] {
        let context = model.configuration.contextLength
        let jobs: [WorkloadJob] =
            switch workload {
            case .mixed(let count): WorkloadJob.mixed(count, contextLength: context)
            case .file(let path): try WorkloadFile.read(path)
            }
        guard jobs.count <= jobsMax else {
            throw ConfigurationProblem("--workload: \(jobs.count) jobs; give a sample of at most \(jobsMax)")
        }
        // Enough KV capacity for any job. The plan determines the actual capacity later.
        let limits = limits(options, model, kvTokens: context)
        var text: TextSide?
        if options.synthetic == nil { text = try TextSide(directory: options.model.directory) }
        let preparer = text.map {
            RequestPreparer(text: $0, limits: limits, maxTokensDefault: maxTokensDefault)
        }
        return try WorkloadTasks(
            limits: limits, vocabulary: model.configuration.vocabulary, preparer: preparer
        ).tasks(jobs)
    }

    /// KV tokens that the longest jobs need when they occupy all running sequences.
    static func kvRoom(_ tasks: [GenerationTask], _ options: Options, _ model: UnloadedModel) -> Int {
        let limits = limits(options, model, kvTokens: 0)
        return tasks.flatMap { task in
            Array(repeating: limits.kvTokensOccupied(by: task.tokensMax), count: task.choices)
        }.sorted(by: >).prefix(options.model.sequences).reduce(0, +)
    }

    private static func limits(_ options: Options, _ model: UnloadedModel, kvTokens: Int) -> EngineLimits {
        EngineLimits(
            contextLength: model.configuration.contextLength, kvTokens: kvTokens,
            kvBlockTokens: Engine.kvBlockTokens, sequencesMax: options.model.sequences,
            rowsPerSweepMax: options.rowsPerSweep)
    }

    /// - Throws: `ConfigurationProblem` naming a job that needs more KV capacity than the budget leaves.
    static func forecast(
        _ tasks: [GenerationTask], kvTokens: Int, _ options: Options, _ model: UnloadedModel,
        sweep: @escaping (_ rows: Int, _ visible: Int, _ sampled: Int) -> ThroughputPlan
    ) throws -> WorkloadForecast {
        let limits = limits(options, model, kvTokens: kvTokens)
        for (index, task) in tasks.enumerated() where limits.kvTokensOccupied(by: task.tokensMax) > kvTokens {
            throw ConfigurationProblem(
                "--workload: job \(index + 1) has \(task.prompt.count) + \(task.newTokensMax) tokens; the budget "
                    + "leaves room for \(kvTokens)")
        }
        return try WorkloadForecast(tasks, on: PlannedEngine(limits: limits, forecast: sweep))
    }
}

extension GenerationTask {
    /// Maximum number of tokens of one choice, prompt included.
    fileprivate var tokensMax: Int { prompt.count + newTokensMax }
}
