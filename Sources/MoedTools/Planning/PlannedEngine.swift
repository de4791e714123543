package import MoedBatching
package import MoedCore
import MoedHost
package import MoedLocal

/// An engine that computes nothing and adds up the forecast durations of its sweeps.
///
/// A workload's forecast therefore uses the planner that runs the workload.
package final class PlannedEngine: SequenceEngine {
    package let limits: EngineLimits
    private let forecast: (_ rows: Int, _ visible: Int, _ sampled: Int) -> ThroughputPlan
    private var lengths: [SequenceID: Int] = [:]
    /// Forecast seconds of all sweeps, by bound.
    package private(set) var seconds: [ThroughputPlan.Bound: Double] = [:]
    package private(set) var missedBytes = 0.0

    /// - Parameter forecast: plan of a sweep with `rows` rows, `visible` attended tokens in total and `sampled`
    ///   sampled tokens.
    package init(
        limits: EngineLimits,
        forecast: @escaping (_ rows: Int, _ visible: Int, _ sampled: Int) -> ThroughputPlan
    ) {
        self.limits = limits
        self.forecast = forecast
    }

    package func open(_ sequence: SequenceID, _ opening: SequenceOpening) { lengths[sequence] = 0 }
    package func extend(_ sequence: SequenceID, to tokens: Int) {}
    package func close(_ sequence: SequenceID) { lengths[sequence] = nil }

    /// Shares no prefix: common prefixes of jobs are not known in advance.
    package func takePrefix(_ sequence: SequenceID) -> PrefixShare { .none }

    package func sweep(_ steps: [SequenceStep]) -> [StepOutput] {
        var (rows, visible) = (0, 0)
        for step in steps {
            let (length, count) = (lengths[step.sequence] ?? 0, step.tokens.count)
            rows += count
            visible += count * length + count * (count + 1) / 2
            lengths[step.sequence] = length + count
        }
        let sweep = forecast(rows, visible, steps.count { $0.samples })
        seconds[sweep.bound, default: 0] += sweep.seconds
        missedBytes += sweep.missedBytes
        return steps.map { StepOutput(token: $0.samples ? 0 : nil) }
    }
}

/// Forecast of a workload's time and reads.
package struct WorkloadForecast: Sendable, Equatable {
    package var jobs: Int
    package var promptTokens: Int
    package var generatedTokens: Int
    package var sweeps: Int
    /// Mean number of sequences per sweep.
    package var meanRunning: Double
    package var seconds: [ThroughputPlan.Bound: Double]
    package var missedBytes: Double

    /// Tokens per prefill chunk: the default of `engine.prefill_chunk`.
    private static let prefillChunk = 256

    /// Runs the jobs through the planner on an engine that only counts. Every answer has its maximum length.
    ///
    /// - Throws: `EngineError` about a failed job.
    package init(_ tasks: [GenerationTask], on engine: PlannedEngine) throws {
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(1 << 30)),
            prefillChunkMax: Self.prefillChunk)
        for var task in tasks {
            (task.stopIDs, task.stopStrings, task.reporting) = ([], [], .none)
            loop.submit(task, now: .zero)
        }
        var running = 0
        while !loop.isIdle {
            let outcomes = loop.advance(now: .zero)
            for case .failed(_, let error, _) in outcomes { throw error }
            running += loop.runningSequences + outcomes.count
        }
        jobs = tasks.count
        promptTokens = tasks.reduce(0) { $0 + $1.prompt.count }
        (generatedTokens, sweeps) = (loop.generatedTokens, loop.sweeps)
        meanRunning = Double(running) / Double(max(1, loop.sweeps))
        (seconds, missedBytes) = (engine.seconds, engine.missedBytes)
    }

    package var total: Double { seconds.values.reduce(0, +) }

    package var lines: [String] {
        let shares = seconds.sorted { $0.value > $1.value }.map {
            "\(HumanText.percent($0.value / total)) of it bound by \($0.key.rawValue)"
        }
        return [
            "workload: \(jobs) jobs of \(promptTokens) prompt and at most \(generatedTokens) new tokens: "
                + "\(Self.time(total)), \(HumanText.figure(Double(jobs) / total * 3600)) jobs/h, "
                + "\(HumanText.figure(Double(generatedTokens) / total)) new tokens/s",
            "\(sweeps) sweeps of \(HumanText.figure(meanRunning)) sequences, \(shares.joined(separator: ", ")); "
                + "\(HumanText.figure(missedBytes / 1e9)) GB read; what prompts have in common is not counted",
        ]
    }

    private static func time(_ seconds: Double) -> String {
        let minutes = Int(seconds / 60)
        if minutes >= 60 { return "\(minutes / 60) h \(minutes % 60) min" }
        return minutes >= 2 ? "\(minutes) min" : "\(HumanText.figure(seconds)) s"
    }
}
