import MoedBatching
import MoedCore
import TestSupport
import Testing

/// Constraints in the generation loop: when they hold, what they see, and how they end an answer.
struct ConstraintTests {
    private static let open: TokenID = 300
    private static let close: TokenID = 301
    private static let end: TokenID = 302

    /// Allows 5, then 6, then 7, and nothing more.
    private struct Counting: TokenConstraint {
        var taken: [TokenID] = []
        var next: TokenID { 5 + TokenID(taken.count) }
        var distanceToEnd: Int { 3 - taken.count }
        var isComplete: Bool { taken.count == 3 }
        var isFinished: Bool { isComplete }
        mutating func accept(_ token: TokenID) { taken.append(token) }
        func mask(room: Int) -> TokenMask {
            var mask = TokenMask(count: 400)
            mask.insert(isComplete ? ConstraintTests.end : next)
            return mask
        }
    }

    private func task(thinking: Bool, max: Int = 30) -> GenerationTask {
        var task = GenerationTask(
            job: JobID(1), jobClass: JobClass(model: "m", mode: .thinking, bucket: 8), prompt: [1, 2, 3],
            newTokensMax: max, makeTextStream: { LetterStream() })
        task.stopIDs = [Self.end]
        task.constraint = Counting()
        guard thinking else { return task }
        task.thinking = ThinkingPolicy(
            isEnabled: true, startsOpen: false, openID: Self.open, closeID: Self.close, budget: nil,
            injection: [20, Self.close])
        task.thinking.reserve = AnswerReserve(
            0, newTokensMax: max, needed: 4, long: [20, 21, Self.close], short: [Self.close])
        return task
    }

    /// Runs the task on an engine that takes the lowest allowed token, or token 40 where all are allowed.
    private func run(_ task: GenerationTask, first: TokenID? = nil) throws -> (
        GenerationResult, [SequenceStep]
    ) {
        let limits = EngineLimits(
            contextLength: 256, kvTokens: 2048, kvBlockTokens: 32, sequencesMax: 4, rowsPerSweepMax: 16)
        let engine = ScriptedEngine(limits: limits) { produced in produced.isEmpty ? first : 40 }
        engine.obeysMasks = true
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 8)
        loop.submit(task, now: .zero)
        var result: GenerationResult?
        for tick in 0..<1000 where !loop.isIdle {
            for outcome in loop.advance(now: .milliseconds(tick)) {
                if case .finished(_, let finished) = outcome { result = finished }
            }
        }
        return (try #require(result), engine.sweeps.flatMap { $0 })
    }

    @Test func anAnswerEndsWithItsConstraint() throws {
        let (result, steps) = try run(task(thinking: false))
        #expect(result.choices[0].outputIDs == [5, 6, 7])
        #expect(result.choices[0].finishReason == .stop && result.warnings.isEmpty)
        #expect(steps.filter(\.samples).allSatisfy { $0.allowed != nil })
    }

    @Test func thoughtsAreFreeAndEndInTime() throws {
        let (result, _) = try run(task(thinking: true), first: Self.open)
        let output = result.choices[0].outputIDs
        #expect(output.first == Self.open && output.suffix(3) == [5, 6, 7])
        #expect(output.contains(40) && output.count <= 30)
        #expect(result.choices[0].finishReason == .stop)
    }

    /// An end token within the thought would leave no answer.
    @Test func thoughtsDoNotEndTheOutput() throws {
        let (result, steps) = try run(task(thinking: true), first: Self.open)
        let masks = steps.filter(\.samples).compactMap { $0.allowed?.mask(count: 400) }
        #expect(masks.contains { $0.contains(40) && !$0.contains(Self.end) })
        #expect(result.choices[0].content == "fgh")
    }

    /// The first token may begin a thought or the answer.
    @Test func theFirstTokenDecides() throws {
        let (result, steps) = try run(task(thinking: true))
        #expect(result.choices[0].outputIDs == [5, 6, 7])
        let first = steps.first { $0.samples }?.allowed?.mask(count: 400)
        #expect(first?.tokens == [5, Self.open])
    }

    @Test func savedTokensAreTakenAgain() throws {
        var task = task(thinking: false)
        task.saved = [0: [5, 6]]
        let (result, steps) = try run(task)
        #expect(result.choices[0].outputIDs == [5, 6, 7])
        #expect(steps.filter(\.samples).count == 1)
    }
}
