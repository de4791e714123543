package import MoedCore

/// Runs jobs through an engine: plan → sweep → apply, one call of ``advance(now:)`` per sweep.
///
/// One thread uses it. Time is passed in, and finished jobs are returned. Only the sweep blocks.
package struct GenerationLoop {
    /// Outcome of a job that left the loop.
    package enum Outcome: Sendable, Equatable {
        case finished(JobID, GenerationResult)
        /// The engine could not continue the job.
        case failed(JobID, EngineError, wasted: Usage)
    }

    /// A job whose choices are still running.
    private struct Unfinished {
        var choices: [GenerationChoice] = []
        var usage: Usage
        /// Minimum over finished choices of prompt tokens served from the prefix cache; nil until one choice finishes.
        var cached: Int?
        var sequences: Set<SequenceID>
        var seed: UInt64
        var warnings: [String]
        var promptLogprobs: [TokenLogprob]?
        /// Tokens that were fed again within this attempt.
        var fedAgain = 0
    }

    private let engine: any SequenceEngine
    private var planner: BatchPlanner
    private var budget: SweepBudget
    /// Rows and start of the last sweep. Its time is known when the next sweep begins.
    private var lastSweep: (rows: Int, began: Duration)?
    private var states: [SequenceID: SequenceState] = [:]
    private var opened: Set<SequenceID> = []
    private var jobs: [JobID: Unfinished] = [:]
    private var nextSequence = 0
    /// Outcomes of jobs that finished before their first sweep: thinking budget 0 and no tokens left for an answer.
    private var early: [Outcome] = []
    /// Unreported output of choices that ended before their jobs.
    private var unreported: [OutputPiece] = []
    /// Number of tokens generated since the loop began, without injected ones.
    package private(set) var generatedTokens = 0
    /// Number of prompt and injected tokens fed since the loop began, without tokens from the prefix cache.
    package private(set) var prefilledTokens = 0
    package private(set) var sweeps = 0
    /// Number of times that a sequence gave up its KV capacity and waited again.
    package private(set) var putBacks = 0
    /// True once the engine was interrupted: no sweep runs any more. The interrupting caller cancels the jobs.
    private var isInterrupted = false

    /// - Parameters:
    ///   - prefillChunkMax: maximum rows of one prompt in one sweep.
    ///   - sweepTimeMax: see ``SweepBudget``; nil prefers throughput.
    package init(
        engine: any SequenceEngine, policy: ClassPolicy, prefillChunkMax: Int, sweepTimeMax: Duration? = nil
    ) {
        self.engine = engine
        budget = SweepBudget(timeMax: sweepTimeMax)
        planner = BatchPlanner(limits: engine.limits, policy: policy, prefillChunkMax: prefillChunkMax)
    }

    package var isIdle: Bool { isInterrupted || (jobs.isEmpty && early.isEmpty) }
    package var jobCount: Int { jobs.count }
    package var runningSequences: Int { planner.admittedCount }
    package var sequencesFree: Int { planner.sequencesFree }

    /// Adds a job. It starts when the planner admits it.
    ///
    /// A job that is already in the loop restarts: a worker that was declared dead may claim its own job again.
    package mutating func submit(_ task: GenerationTask, now: Duration) {
        precondition(task.choices > 0, "an unchecked request reached the loop")
        cancel(task.job)
        var job = Unfinished(usage: Usage(), sequences: [], seed: task.sampling.seed, warnings: task.warnings)
        job.usage.prompt = task.prompt.count
        var finishedAtOnce: [SequenceID] = []
        for choice in 0..<task.choices {
            let sequence = SequenceID(nextSequence)
            nextSequence += 1
            job.sequences.insert(sequence)
            let state = SequenceState(task, choice: choice)
            states[sequence] = state
            if state.finishReason != nil {
                finishedAtOnce.append(sequence)
                continue
            }
            planner.enqueue(
                .init(
                    sequence: sequence, jobClass: task.jobClass,
                    tokens: task.prompt.count + state.outputIDs.count, outputTokens: state.outputIDs.count,
                    tokensMax: state.tokensMax, readySince: now - task.waited))
        }
        jobs[task.job] = job
        for sequence in finishedAtOnce { if let outcome = collect(sequence) { early.append(outcome) } }
    }

    /// Unfinished jobs in the order of their ids.
    package var jobIDs: [JobID] { jobs.keys.sorted() }

    /// Stops a job without a result.
    ///
    /// - Returns: its wasted tokens; nil for an unknown job, which may have finished already.
    package mutating func stop(_ job: JobID) -> Usage? { jobs[job] == nil ? nil : cancel(job) }

    /// Stops a job without a result. Unknown jobs are ignored.
    ///
    /// - Returns: its wasted tokens.
    @discardableResult
    package mutating func cancel(_ job: JobID) -> Usage {
        guard let unfinished = jobs.removeValue(forKey: job) else { return Usage() }
        var usage = unfinished.usage
        for sequence in unfinished.sequences { states[sequence]?.count(into: &usage) }
        let hasBegun =
            unfinished.cached != nil || unfinished.sequences.contains { states[$0]?.hasBegun == true }
        for sequence in unfinished.sequences { forget(sequence) }
        return hasBegun ? usage : Usage()
    }

    /// Returns the output tokens of unfinished jobs since the last call.
    package mutating func takeProgress() -> [OutputPiece] {
        defer { unreported = [] }
        let ended = unreported.filter { jobs[$0.job] != nil }
        return ended + states.keys.sorted().compactMap { states[$0]?.takeProgress() }
    }

    /// Runs one sweep: admits sequences, advances each admitted one by a step and returns the jobs that ended.
    package mutating func advance(now: Duration) -> [Outcome] {
        guard !isInterrupted else { return [] }
        if let lastSweep { budget.record(rows: lastSweep.rows, took: now - lastSweep.began) }
        lastSweep = nil
        var outcomes = early
        early = []
        for start in planner.admit(now: now) {
            guard let state = states[start.sequence] else { continue }
            do {
                try engine.open(start.sequence, state.opening(kvTokens: start.tokens))
                opened.insert(start.sequence)
            } catch {
                outcomes += fail(state.task.job, error)
            }
        }
        takePrefixes()
        let decoding = planner.admittedSequences.count { states[$0]?.isInPrompt == false }
        let rowsMax = budget.rowsAllowed(decoding: decoding, rowsMax: engine.limits.rowsPerSweepMax)
        var shares = planner.shares(rowsMax: rowsMax) { states[$0]?.feedableCount ?? 0 }
        outcomes += makeRoom(for: &shares)
        guard !shares.isEmpty else { return outcomes }
        var steps: [SequenceStep] = []
        for share in shares {
            guard let step = states[share.sequence]?.takeStep(share.sequence, rows: share.rows) else {
                continue
            }
            steps.append(step)
        }
        do {
            outcomes += apply(try engine.sweep(steps), to: steps)
        } catch where error.code == .interrupted {
            isInterrupted = true
        } catch {
            // Jobs outside of the sweep may still succeed.
            let affected = Set(steps.compactMap { states[$0.sequence]?.task.job })
            for job in affected.sorted() { outcomes += fail(job, error) }
        }
        // An idle caller may pause. The pause must not count as sweep time.
        if !isIdle { lastSweep = (shares.reduce(0) { $0 + $1.rows }, now) }
        return outcomes
    }

    /// Raises reservations to what the shares need. Sequences that give up their room lose their shares.
    private mutating func makeRoom(for shares: inout [BatchPlanner.Share]) -> [Outcome] {
        let growth = planner.grow(
            shares.map { .init(sequence: $0.sequence, tokens: (states[$0.sequence]?.fedCount ?? 0) + $0.rows) })
        for var candidate in growth.putBack {
            let sequence = candidate.sequence
            if opened.remove(sequence) != nil { engine.close(sequence) }
            states[sequence]?.rewind()
            let output = states[sequence]?.outputIDs.count ?? 0
            candidate.tokens += output - candidate.outputTokens
            candidate.outputTokens = output
            planner.enqueue(candidate)
            putBacks += 1
        }
        var outcomes: [Outcome] = []
        for need in growth.grown {
            do { try engine.extend(need.sequence, to: need.tokens) } catch {
                if let job = states[need.sequence]?.task.job { outcomes += fail(job, error) }
            }
        }
        let running = Set(planner.admittedSequences)
        shares.removeAll { !running.contains($0.sequence) }
        return outcomes
    }

    /// Serves sequences in their prompts from the prefix cache.
    private mutating func takePrefixes() {
        for sequence in planner.admittedSequences where states[sequence]?.isInPrompt == true {
            states[sequence]?.skip(engine.takePrefix(sequence))
        }
    }

    private static let notFinite = EngineError(
        .badCheckpoint, "the model's logits are infinite or not numbers: its weights are too large")

    private mutating func apply(_ outputs: [StepOutput], to steps: [SequenceStep]) -> [Outcome] {
        precondition(outputs.count == steps.count, "the engine answered another sweep")
        sweeps += 1
        var outcomes: [Outcome] = []
        for (step, output) in zip(steps, outputs) {
            prefilledTokens += step.tokens.count - (output.token == nil ? 0 : 1)
            let isComplete = output.reports.count == step.reports?.places.count ?? 0
            guard output.token != nil || output.embedding != nil, isComplete else {
                states[step.sequence]?.accept(StepOutput(token: nil, reports: output.reports))
                if step.samples || step.embeds || !isComplete, let job = states[step.sequence]?.task.job {
                    outcomes += fail(job, Self.notFinite)
                }
                continue
            }
            generatedTokens += output.token == nil ? 0 : 1
            states[step.sequence]?.accept(output)
            guard states[step.sequence]?.finishReason != nil else { continue }
            if let outcome = collect(step.sequence) { outcomes.append(outcome) }
        }
        return outcomes
    }

    /// Adds a finished sequence to its job. Returns the job's outcome when it was the job's last sequence.
    private mutating func collect(_ sequence: SequenceID) -> Outcome? {
        guard var state = states[sequence], var job = jobs[state.task.job] else { return nil }
        let id = state.task.job
        // The choices of a job share one prompt, counted once. A token that one of them computed was not cached.
        job.cached = min(job.cached ?? .max, state.cachedTokens)
        let choice = state.finish(into: &job.usage)
        if let warning = state.warning(of: choice), !job.warnings.contains(warning) {
            job.warnings.append(warning)
        }
        job.choices.append(choice)
        job.promptLogprobs = job.promptLogprobs ?? state.promptLogprobs
        planner.record(outputTokens: state.outputIDs.count, of: state.task.jobClass)
        job.usage.recomputed += state.recomputedCount
        job.fedAgain += state.fedAgainCount
        job.sequences.remove(sequence)
        forget(sequence)
        guard job.sequences.isEmpty else {
            if let piece = state.takeProgress() { unreported.append(piece) }
            jobs[id] = job
            return nil
        }
        jobs[id] = nil
        job.usage.cachedPrompt = job.cached ?? 0
        if job.usage.recomputed > 0 { job.usage.recomputed += job.usage.prompt - job.usage.cachedPrompt }
        job.usage.recomputed += job.fedAgain
        let choices = job.choices.sorted { $0.index < $1.index }
        var result = GenerationResult(
            choices: choices, usage: job.usage, seed: job.seed, warnings: job.warnings)
        result.promptLogprobs = job.promptLogprobs
        return .finished(id, result)
    }

    private mutating func fail(_ job: JobID, _ error: EngineError) -> [Outcome] {
        guard jobs[job] != nil else { return [] }
        return [.failed(job, error, wasted: cancel(job))]
    }

    private mutating func forget(_ sequence: SequenceID) {
        states[sequence] = nil
        planner.remove(sequence)
        if opened.remove(sequence) != nil { engine.close(sequence) }
    }
}
