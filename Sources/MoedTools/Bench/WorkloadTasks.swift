package import MoedBatching
package import MoedCore
import MoedLocal
package import MoedPreparation

/// Converts a workload's jobs to tasks for the generation loop.
package struct WorkloadTasks {
    private let limits: EngineLimits
    private let vocabulary: Int
    private let preparer: RequestPreparer?

    /// - Parameter preparer: uses the model's tokenizer and template; nil when the model has none.
    package init(limits: EngineLimits, vocabulary: Int, preparer: RequestPreparer?) {
        self.limits = limits
        self.vocabulary = vocabulary
        self.preparer = preparer
    }

    /// - Throws: `ConfigurationProblem` naming the job that cannot run.
    package func tasks(_ jobs: [WorkloadJob]) throws -> [GenerationTask] {
        var random = SplitMix(seed: 2)
        return try jobs.enumerated().map { index, job in
            do { return try task(job, index, &random) } catch {
                throw ConfigurationProblem("--workload: job \(index + 1): \(error)")
            }
        }
    }

    private func task(_ job: WorkloadJob, _ index: Int, _ random: inout SplitMix) throws -> GenerationTask
    {
        switch job {
        case .lengths(let prompt, let new, let mode):
            let most = min(limits.contextLength, limits.kvTokens)
            guard prompt + new <= most else {
                throw ConfigurationProblem("\(prompt) + \(new) tokens; there is room for \(most)")
            }
            let tokens = (0..<prompt).map { _ in TokenID(Int.random(in: 0..<vocabulary, using: &random)) }
            return GenerationTask(
                job: JobID(Int64(index)),
                jobClass: JobClass(model: "", mode: mode, bucket: RequestPreparer.bucket(tokens: prompt + new)),
                prompt: tokens, newTokensMax: new, makeTextStream: { NoText() })
        case .body(let body):
            guard let preparer else {
                throw ConfigurationProblem(
                    "a chat completion needs --model: a synthetic one has no tokenizer")
            }
            return try preparer.prepare(
                try GenerationRequest(body: body), job: JobID(Int64(index)), model: "", bucket: nil,
                seed: UInt64(index), waited: .zero)
        }
    }
}

/// Text stream of random tokens: always empty.
private struct NoText: TokenTextStream {
    mutating func append(_ token: TokenID) -> String { "" }
    mutating func finish() -> String { "" }
}
