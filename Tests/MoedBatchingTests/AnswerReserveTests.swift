import MoedBatching
import MoedCore
import TestSupport
import Testing

/// Thinking that is ended in time for an answer, and remarks on answers that are empty or cut off.
struct AnswerReserveTests {
    private static let open: TokenID = 300
    private static let close: TokenID = 301
    private static let end: TokenID = 302
    private static let long: [TokenID] = [20, 21, close, 22]
    private static let short: [TokenID] = [close, 22]

    private func task(max: Int, budget: Int? = nil, reserve: Int, startsOpen: Bool = false) -> GenerationTask {
        var task = GenerationTask(
            job: JobID(1), jobClass: JobClass(model: "m", mode: .thinking, bucket: 8), prompt: [1, 2, 3],
            newTokensMax: max, makeTextStream: { LetterStream() })
        task.stopIDs = [Self.end]
        task.thinking = ThinkingPolicy(
            isEnabled: true, startsOpen: startsOpen, openID: Self.open, closeID: Self.close, budget: budget,
            injection: Self.long)
        task.thinking.reserve = AnswerReserve(
            reserve, newTokensMax: max, long: Self.long, short: Self.short)
        return task
    }

    private func run(_ task: GenerationTask, script: @escaping ([TokenID]) -> TokenID?) -> GenerationResult? {
        let limits = EngineLimits(
            contextLength: 256, kvTokens: 2048, kvBlockTokens: 32, sequencesMax: 4, rowsPerSweepMax: 16)
        var loop = GenerationLoop(
            engine: ScriptedEngine(limits: limits, script: script), policy: ClassPolicy(maxWait: .seconds(60)),
            prefillChunkMax: 8)
        loop.submit(task, now: .zero)
        for tick in 0..<1000 where !loop.isIdle {
            for outcome in loop.advance(now: .milliseconds(tick)) {
                if case .finished(_, let result) = outcome { return result }
            }
        }
        return nil
    }

    /// Thinks for ever; answers `h` once the thinking is closed.
    private func thinker(_ produced: [TokenID]) -> TokenID? {
        if produced.isEmpty { return Self.open }
        guard produced.contains(Self.close) else { return 4 }
        return produced.last == 7 ? Self.end : 7
    }

    /// New tokens, reserve, thinking tokens, injected tokens.
    @Test(arguments: [(40, 10, 30, 4), (40, 100, 30, 4), (40, 8, 32, 4), (16, 100, 12, 2), (16, 3, 13, 2)])
    func thinkingEndsWhenOnlyTheReserveIsLeft(max: Int, reserve: Int, thinking: Int, injected: Int) {
        let result = run(task(max: max, reserve: reserve), script: thinker)
        #expect(result?.usage.thinking == thinking && result?.usage.injected == injected)
        #expect(result?.choices.first?.content.hasSuffix("h") == true)
        // A reserve of three tokens has no room for the end token.
        #expect(result?.choices.first?.finishReason == (reserve == 3 ? .length : .stop))
        #expect(result?.warnings.isEmpty == (reserve != 3))
    }

    @Test func aReserveOfNothingEndsNoThinking() {
        let result = run(task(max: 40, reserve: 0), script: thinker)
        #expect(result?.usage.thinking == 40 && result?.usage.injected == 0)
        #expect(result?.warnings == ["max_tokens ended the thinking: the answer is empty"])
    }

    /// The budget comes first, and its text does not take the answer's room.
    @Test(arguments: [(5, 5, 4), (29, 29, 4), (38, 30, 4)])
    func budgetAndReserveWorkTogether(budget: Int, thinking: Int, injected: Int) {
        let result = run(task(max: 40, budget: budget, reserve: 10), script: thinker)
        #expect(result?.usage.thinking == thinking && result?.usage.injected == injected)
        #expect(result?.choices.first?.content.isEmpty == false)
    }

    @Test func anAnswerIsNotInterrupted() {
        for first in [Self.open, 4] {
            let result = run(task(max: 40, budget: 20, reserve: 10)) { produced in
                produced.isEmpty ? first : produced.count == 3 && first == Self.open ? Self.close : 5
            }
            #expect(result?.usage.injected == 0)
            #expect(result?.warnings == ["max_tokens cut the answer off: it has 40 tokens at most"])
        }
    }

    /// An attempt may be cut off at any token: the next one gives the same tokens.
    @Test func aCheckpointGoesOnTheSame() throws {
        var task = task(max: 40, reserve: 10, startsOpen: true)
        task.choices = 2
        let script: ([TokenID]) -> TokenID? = { $0.contains(Self.close) && $0.count > 37 ? Self.end : nil }
        let whole = try #require(run(task, script: script))
        #expect(whole.usage.injected == 8)
        for count in 0...whole.choices[0].outputIDs.count {
            task.saved = [0: Array(whole.choices[0].outputIDs.prefix(count))]
            #expect(run(task, script: script)?.choices == whole.choices)
        }
    }

    @Test(arguments: [
        ([302], "the model stopped before its answer: the answer is empty"),
        ([300, 4, 302], "the model stopped while thinking: the answer is empty"),
        ([300, 4, 301, 302], "the model stopped before its answer: the answer is empty"),
        ([300, 4, 301, 7], "a stop string ended the answer at its beginning: the answer is empty"),
    ] as [([TokenID], String)])
    func emptyAnswersAreRemarked(output: [TokenID], warning: String) {
        var task = task(max: 40, reserve: 0)
        task.stopStrings = ["h"]
        let result = run(task) { output[$0.count] }
        #expect(result?.warnings == [warning])
        #expect(result?.choices.first?.content == "")
    }
}
