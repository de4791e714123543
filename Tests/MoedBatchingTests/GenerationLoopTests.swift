import MoedBatching
import MoedCore
import TestSupport
import Testing

@Suite struct GenerationLoopTests {
    static let open: TokenID = 300
    static let close: TokenID = 301
    static let end: TokenID = 302
    let jobClass = JobClass(model: "m", mode: .thinking, bucket: 8)

    func limits(slots: Int = 4, rows: Int = 16) -> EngineLimits {
        EngineLimits(
            contextLength: 256, kvTokens: 2048, kvBlockTokens: 32, sequencesMax: slots, rowsPerSweepMax: rows)
    }

    func task(
        _ job: Int64, prompt: [TokenID] = [1, 2, 3], max: Int = 8, choices: Int = 1, stops: [String] = [],
        thinking: ThinkingPolicy = .none
    ) -> GenerationTask {
        var task = GenerationTask(
            job: JobID(job), jobClass: jobClass, prompt: prompt, newTokensMax: max,
            makeTextStream: { LetterStream() })
        (task.sampling, task.choices) = (SamplingParameters(seed: UInt64(job)), choices)
        (task.stopIDs, task.stopStrings, task.thinking) = ([Self.end], stops, thinking)
        return task
    }

    func thinking(budget: Int?, startsOpen: Bool = false) -> ThinkingPolicy {
        ThinkingPolicy(
            isEnabled: true, startsOpen: startsOpen, openID: Self.open, closeID: Self.close, budget: budget,
            injection: [20, 21, Self.close, 22])
    }

    /// Runs tasks until none is left and returns their results by job.
    func run(_ engine: ScriptedEngine, _ tasks: [GenerationTask], chunk: Int = 8) -> [JobID: GenerationResult]
    {
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: chunk)
        for task in tasks { loop.submit(task, now: .zero) }
        var results: [JobID: GenerationResult] = [:]
        for tick in 0..<10_000 where !loop.isIdle {
            for outcome in loop.advance(now: .milliseconds(tick)) {
                if case .finished(let job, let result) = outcome { results[job] = result }
            }
        }
        #expect(loop.isIdle)
        #expect(engine.openCount == 0)
        return results
    }

    /// Two sequences decode while a long prompt comes in; a sweep takes 10 ms and 1 ms a row.
    @Test(arguments: [(nil, 64), (60, 50), (1, 34)] as [(Int?, Int)])
    func aPromptLeavesTimeToThoseThatDecode(_ milliseconds: Int?, _ rowsExpected: Int) {
        let engine = ScriptedEngine(
            limits: EngineLimits(
                contextLength: 2048, kvTokens: 4096, kvBlockTokens: 32, sequencesMax: 4, rowsPerSweepMax: 64)
        ) { _ in 1 }
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 64,
            sweepTimeMax: milliseconds.map { .milliseconds($0) })
        var now = Duration.zero
        func advance() -> Int {
            _ = loop.advance(now: now)
            let rows = engine.sweeps.last?.reduce(0) { $0 + $1.tokens.count } ?? 0
            now += .milliseconds(10 + rows)
            return rows
        }
        loop.submit(task(1, prompt: Array(0..<40), max: 200), now: now)
        loop.submit(task(2, prompt: Array(0..<50), max: 200), now: now)
        for _ in 0..<10 { _ = advance() }
        loop.submit(task(3, prompt: Array(repeating: 5, count: 1200), max: 4), now: now)
        for _ in 0..<10 { _ = advance() }
        #expect(advance() == rowsExpected)
    }

    func scripted(_ output: [TokenID]) -> ScriptedEngine {
        ScriptedEngine(limits: limits()) { $0.count < output.count ? output[$0.count] : Self.end }
    }

    /// An attempt may be cut off at any token: the next one generates the same rest, and no token is billed twice.
    @Test(arguments: [nil, 0, 3] as [Int?]) func goesOnWhereAnEarlierAttemptWasCutOff(_ budget: Int?) {
        var whole = task(7, max: 14, choices: 2, thinking: thinking(budget: budget, startsOpen: true))
        func engine() -> ScriptedEngine {
            ScriptedEngine(limits: limits()) { $0.count == 11 ? Self.end : nil }
        }
        let expected = run(engine(), [whole])[JobID(7)]
        let outputs = expected?.choices.map(\.outputIDs) ?? []
        #expect(outputs.count == 2 && outputs[0].count == 12)
        for count in 0...12 {
            whole.saved = [0: Array(outputs[0].prefix(count)), 1: Array(outputs[1].prefix(count / 2))]
            let result = run(engine(), [whole])[JobID(7)]
            #expect(result?.choices == expected?.choices)
            var usage = result?.usage
            if budget == nil {
                // The prompt's three tokens and the saved tokens. A completely saved choice is not fed again.
                let recomputed = count == 0 ? 0 : count == 12 ? 3 + 6 : 3 + count + count / 2
                #expect(usage?.recomputed == recomputed)
            }
            usage?.recomputed = 0
            #expect(usage == expected?.usage)
        }
    }

    @Test func savedTokensOfOtherSettingsAreNotUsed() {
        var job = task(7, thinking: thinking(budget: 2, startsOpen: true))
        let expected = run(ScriptedEngine(limits: limits()), [job])[JobID(7)]
        job.saved = [0: [1, 2, 3]]
        #expect(run(ScriptedEngine(limits: limits()), [job])[JobID(7)] == expected)
    }

    @Test func reportsEveryNewTokenOnce() {
        let engine = ScriptedEngine(limits: limits()) { _ in 5 }
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 8)
        loop.submit(task(1, max: 20, choices: 2), now: .zero)
        var saved: [Int: Int] = [:]
        for tick in 0..<18 {
            _ = loop.advance(now: .milliseconds(tick))
            guard tick % 4 == 3 else { continue }
            for piece in loop.takeProgress() {
                #expect(piece.firstToken == saved[piece.choice, default: 0])
                saved[piece.choice, default: 0] += piece.tokens.count
            }
        }
        #expect(saved == [0: 16, 1: 16])
        #expect(loop.takeProgress().map(\.tokens) == [[5, 5], [5, 5]])
        #expect(loop.takeProgress() == [])
        var wasted = Usage()
        (wasted.prompt, wasted.answer) = (3, 36)
        #expect(loop.cancel(JobID(1)) == wasted)
        loop.submit(task(2), now: .zero)
        #expect(loop.cancel(JobID(2)) == Usage(), "it had not begun")
    }

    @Test func checkpointsComeByTimeAndByTokens() {
        var schedule = CheckpointSchedule(interval: .seconds(10), tokens: 64)
        let times: [(Int, Int)] = [
            (0, 0), (100, 64), (500, 64), (510, 128), (1100, 128), (9000, 129), (11_100, 130),
        ]
        #expect(
            times.map { schedule.take(now: .milliseconds($0.0), sweeps: $0.1) }
                == [false, false, true, false, true, false, true])
    }

    @Test func stopsAtTheEndTokenAndCountsIt() {
        let result = run(scripted([0, 1, 2]), [task(1)])[JobID(1)]
        #expect(result?.choices.first?.content == "abc")
        #expect(result?.choices.first?.finishReason == .stop)
        #expect(result?.choices.first?.outputIDs == [0, 1, 2, Self.end])
        #expect(result?.usage.prompt == 3)
        #expect(result?.usage.answer == 4)
        #expect(result?.usage.total == 7)
    }

    @Test func stopStringsDoNotFindTheEmptyLineAfterThinking() {
        // Every token is a letter but 9, which is a line feed.
        var one = task(1, max: 20, stops: ["\n"], thinking: thinking(budget: nil))
        one.makeTextStream = { LineStream() }
        let output: [TokenID] = [Self.open, 9, 1, 9, Self.close, 9, 9, 2, 9, 3]
        let choice = run(scripted(output), [one])[JobID(1)]?.choices.first
        #expect(choice?.content == "c")
        #expect(choice?.outputIDs == Array(output.dropLast()))
    }

    @Test func noFiniteLogitsFailTheirJobAlone() {
        let engine = ScriptedEngine(limits: limits()) { $0.count < 2 ? 1 : Self.end }
        engine.withoutFiniteLogits = [1]
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 8)
        for job in 1...2 { loop.submit(task(Int64(job), choices: 2), now: .zero) }
        var outcomes: [GenerationLoop.Outcome] = []
        for tick in 0..<20 where !loop.isIdle { outcomes += loop.advance(now: .milliseconds(tick)) }
        #expect(outcomes.count == 2)
        guard case .failed(JobID(1), let error, _)? = outcomes.first,
            case .finished(JobID(2), _)? = outcomes.last
        else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(error.message.contains("not numbers"))
        #expect(engine.openCount == 0)
    }

    @Test func stopsAtMaxTokens() {
        let choice = run(scripted([0, 1, 2, 3, 4, 5]), [task(1, max: 3)])[JobID(1)]?.choices.first
        #expect(choice?.content == "abc")
        #expect(choice?.finishReason == .length)
    }

    @Test func cutsAtAStopStringAcrossTokens() {
        let choice = run(scripted([0, 1, 2, 3, 4]), [task(1, stops: ["zz", "cd"])])[JobID(1)]?.choices.first
        #expect(choice?.content == "ab")
        #expect(choice?.finishReason == .stop)
        #expect(choice?.outputIDs == [0, 1, 2, 3])
    }

    @Test func splitsThinkingFromAnswer() {
        let output: [TokenID] = [Self.open, 0, 1, Self.close, 2, 3]
        let result = run(scripted(output), [task(1, max: 20, stops: ["a"], thinking: thinking(budget: nil))])[
            JobID(1)]
        #expect(result?.choices.first?.reasoning == "ab")
        #expect(result?.choices.first?.content == "cd")
        #expect(result?.usage.thinking == 4)
        #expect(result?.usage.answer == 3)
    }

    @Test func thinkingOpenedByThePromptNeedsNoTag() {
        let output: [TokenID] = [0, 1, Self.close, 2]
        let policy = thinking(budget: nil, startsOpen: true)
        let result = run(scripted(output), [task(1, max: 20, thinking: policy)])[JobID(1)]
        #expect(result?.choices.first?.reasoning == "ab")
        #expect(result?.choices.first?.content == "c")
    }

    @Test(arguments: [0, 1, 2, 3, 5]) func budgetInjectsAfterExactlyThatMany(_ budget: Int) {
        let long: [TokenID] = [Self.open] + Array(repeating: 4, count: 30)
        let engine = ScriptedEngine(limits: limits()) { produced in
            produced.contains(Self.close) ? (produced.last == 7 ? Self.end : 7) : long[produced.count]
        }
        let result = run(engine, [task(1, max: 40, thinking: thinking(budget: budget))])[JobID(1)]
        let expected = Array(long.prefix(budget)) + [20, 21, Self.close, 22, 7, Self.end]
        #expect(result?.choices.first?.outputIDs == expected)
        #expect(result?.usage.thinking == budget)
        #expect(result?.usage.injected == 4)
        #expect(result?.usage.answer == 2)
        #expect(result?.choices.first?.content == "wh")
    }

    @Test func noInjectionWhenThinkingEndsInTime() {
        let output: [TokenID] = [Self.open, 0, Self.close, 2, 3, 4]
        let result = run(scripted(output), [task(1, max: 20, thinking: thinking(budget: 3))])[JobID(1)]
        #expect(result?.usage.injected == 0)
        #expect(result?.choices.first?.content == "cde")
    }

    @Test func injectionNeverPassesMaxTokens() {
        let engine = ScriptedEngine(limits: limits()) { _ in 4 }
        let result = run(engine, [task(1, max: 5, thinking: thinking(budget: 3, startsOpen: true))])[JobID(1)]
        #expect(result?.choices.first?.outputIDs == [4, 4, 4, 20, 21])
        #expect(result?.choices.first?.finishReason == .length)
        #expect(result?.usage.completion == 5)
        let none = run(engine, [task(2, max: 2, thinking: thinking(budget: 0))])[JobID(2)]
        #expect(none?.choices.first?.outputIDs == [20, 21])
    }

    @Test func choicesAreDrawnApartAndCountedTogether() {
        let result = run(ScriptedEngine(limits: limits()), [task(7, max: 5, choices: 3)])[JobID(7)]
        #expect(result?.choices.map(\.index) == [0, 1, 2])
        #expect(Set(result?.choices.map(\.outputIDs) ?? []).count == 3)
        #expect(result?.usage.prompt == 3)
        #expect(result?.usage.completion == 15)
    }

    @Test(arguments: [1, 3, 7, 64]) func tokensDependOnTheJobAlone(_ chunk: Int) {
        let tasks = (1...12).map {
            task(Int64($0), prompt: Array(1...TokenID(3 + $0 * 5)), max: 4 + Int($0) % 5)
        }
        var alone: [JobID: GenerationResult] = [:]
        for task in tasks { alone.merge(run(ScriptedEngine(limits: limits(slots: 1)), [task])) { $1 } }
        let together = run(ScriptedEngine(limits: limits(slots: 8, rows: 24)), tasks.reversed(), chunk: chunk)
        #expect(together == alone)
    }

    @Test func aFailedSweepEndsTheRunningJobsOnly() {
        let engine = ScriptedEngine(limits: limits())
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 8)
        loop.submit(task(1), now: .zero)
        loop.submit(task(2), now: .zero)
        let error = EngineError(.io, "disk")
        engine.failNextSweep = error
        let wasted = prompt(of: task(1))
        #expect(
            loop.advance(now: .zero) == [
                .failed(JobID(1), error, wasted: wasted), .failed(JobID(2), error, wasted: wasted),
            ])
        #expect(engine.openCount == 0)
        loop.submit(task(3), now: .zero)
        _ = loop.advance(now: .zero)
        #expect(loop.jobCount == 1)
    }

    /// An attempt that failed in its prompt has wasted the prompt.
    private func prompt(of task: GenerationTask) -> Usage {
        var usage = Usage()
        usage.prompt = task.prompt.count
        return usage
    }

    /// The account of an attempt that failed holds its prompt and every token it had generated.
    @Test func tokensOfAFailedAttemptAreWasted() {
        let engine = ScriptedEngine(limits: limits())
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 8)
        loop.submit(task(1, max: 20), now: .zero)
        while loop.generatedTokens < 3 { _ = loop.advance(now: .zero) }
        engine.failNextSweep = EngineError(.io, "disk")
        guard case .failed(JobID(1), _, let wasted)? = loop.advance(now: .zero).first else {
            Issue.record("the job did not fail")
            return
        }
        #expect(wasted.prompt == task(1).prompt.count && wasted.completion == 3)
    }

    /// The job succeeds, and its result states the reason for the missing answer.
    @Test func anAnswerThatNeverBeganIsRemarked() {
        let engine = ScriptedEngine(limits: limits()) { _ in 1 }
        var task = task(1, max: 4, thinking: thinking(budget: nil, startsOpen: true))
        task.warnings = ["remark"]
        let results = run(engine, [task, self.task(2, max: 4)])
        #expect(results[JobID(1)]?.choices.first?.content == "")
        #expect(
            results[JobID(1)]?.warnings == ["remark", "max_tokens ended the thinking: the answer is empty"])
        #expect(
            results[JobID(2)]?.warnings == ["max_tokens cut the answer off: it has 4 tokens at most"])
    }

    @Test func jobsThatWereNotInTheFailedSweepGoOn() {
        let engine = ScriptedEngine(limits: limits(slots: 1))
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 8)
        loop.submit(task(1), now: .zero)
        loop.submit(task(2), now: .zero)
        let error = EngineError(.io, "disk")
        engine.failNextSweep = error
        #expect(
            loop.advance(now: .zero) == [.failed(JobID(1), error, wasted: prompt(of: task(1)))])
        var outcomes: [GenerationLoop.Outcome] = []
        while !loop.isIdle { outcomes += loop.advance(now: .zero) }
        guard case .finished(JobID(2), _)? = outcomes.first, outcomes.count == 1 else {
            Issue.record("\(outcomes)")
            return
        }
    }

    /// An interrupted sweep neither fails nor ends its jobs; they can be returned to the queue.
    @Test func anInterruptedSweepEndsNothing() {
        let engine = ScriptedEngine(limits: limits())
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 8)
        loop.submit(task(1), now: .zero)
        engine.failNextSweep = EngineError(.interrupted, "")
        #expect(loop.advance(now: .zero).isEmpty && loop.advance(now: .zero).isEmpty)
        #expect(loop.isIdle && loop.jobCount == 1)
        loop.cancel(JobID(1))
        #expect(loop.jobCount == 0 && engine.openCount == 0)
    }

    @Test func cancelFreesTheSlot() {
        let engine = ScriptedEngine(limits: limits(slots: 1))
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 8)
        loop.submit(task(1), now: .zero)
        _ = loop.advance(now: .zero)
        #expect(loop.sequencesFree == 0)
        loop.cancel(JobID(1))
        loop.cancel(JobID(99))
        #expect(loop.sequencesFree == 1)
        #expect(loop.isIdle)
        #expect(engine.openCount == 0)
    }
}

/// Token 9 is a line feed, the others are letters.
private struct LineStream: TokenTextStream {
    private var letters = LetterStream()
    mutating func append(_ token: TokenID) -> String { token == 9 ? "\n" : letters.append(token) }
    mutating func finish() -> String { "" }
}
