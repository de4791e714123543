package import MoedBatching
package import MoedCore
import MoedHost

/// Order in which a queue's jobs are admitted to the batch.
package enum Admission: String, Sendable, CaseIterable {
    /// Jobs of one job class (mode and length) together, as in the daemon.
    case grouped
    /// Jobs in the order of arrival.
    case firstCome = "first-come"
}

/// One pass of all jobs through planner and engine.
package struct WorkloadRun: Sendable, Equatable {
    package var seconds: Double
    package var jobs: Int
    package var promptTokens: Int
    package var generatedTokens: Int
    package var sweeps: Int
    /// Mean number of sequences per sweep.
    package var meanRunning: Double
    /// Mean over all jobs of the seconds from the start to completion.
    package var meanTurnaround: Double
}

/// Runs the same jobs under both admission orders.
package struct WorkloadBench {
    private let engine: any SequenceEngine
    private let tasks: [GenerationTask]
    private let prefillChunk: Int

    package init(engine: any SequenceEngine, tasks: [GenerationTask], prefillChunk: Int) {
        self.engine = engine
        self.tasks = tasks
        self.prefillChunk = prefillChunk
    }

    /// Runs the passes alternately, so that machine drift affects both admission orders equally.
    package func run(repeats: Int, show: (String) -> Void) throws -> [(Admission, [WorkloadRun])] {
        var runs: [Admission: [WorkloadRun]] = [:]
        for pass in 0..<repeats {
            // The first order alternates, so that warming up and slowing down affect both.
            let order: [Admission] = pass % 2 == 0 ? [.grouped, .firstCome] : [.firstCome, .grouped]
            for admission in order {
                show("\(admission.rawValue) admission, pass \(pass + 1) of \(repeats)")
                runs[admission, default: []].append(try run(admission))
            }
        }
        return Admission.allCases.map { ($0, runs[$0] ?? []) }
    }

    /// - Throws: the engine's error about a failed job.
    private func run(_ admission: Admission) throws -> WorkloadRun {
        // All jobs wait from the start: none of them becomes urgent.
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(1 << 30)), prefillChunkMax: prefillChunk)
        for var task in tasks {
            if admission == .firstCome { task.jobClass = JobClass(model: "", mode: .nonThinking, bucket: 0) }
            loop.submit(task, now: .zero)
        }
        let start = ContinuousClock.now
        var running = 0
        var turnaround = 0.0
        while !loop.isIdle {
            let outcomes = loop.advance(now: .zero)
            let elapsed = (ContinuousClock.now - start).seconds
            running += loop.runningSequences + outcomes.count
            for outcome in outcomes {
                if case .failed(_, let error, _) = outcome { throw error }
                turnaround += elapsed
            }
        }
        return WorkloadRun(
            seconds: (ContinuousClock.now - start).seconds, jobs: tasks.count,
            promptTokens: tasks.reduce(0) { $0 + $1.prompt.count }, generatedTokens: loop.generatedTokens,
            sweeps: loop.sweeps, meanRunning: Double(running) / Double(max(1, loop.sweeps)),
            meanTurnaround: turnaround / Double(max(1, tasks.count)))
    }
}
