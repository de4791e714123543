import Foundation
import MoedBatching
import MoedCore
import TestSupport
import Testing

/// Log-probabilities, bans, minimum lengths and stop reasons in the generation loop.
///
/// The engine reports token n with −n, and answers with tokens 10, 11, 12 … until token 302 ends the answer.
struct ReportTests {
    private static let (open, close, end): (TokenID, TokenID, TokenID) = (300, 301, 302)

    private func task(max: Int = 8, thinks: Bool = false, _ change: (inout GenerationTask) -> Void) -> GenerationTask {
        var task = GenerationTask(
            job: JobID(1), jobClass: JobClass(model: "m", mode: .thinking, bucket: 8), prompt: [1, 2, 3],
            newTokensMax: max, makeTextStream: { LetterStream() })
        task.stopIDs = [Self.end]
        task.tokenBytes = { $0 == Self.end ? Array("<end>".utf8) : Array(Self.letter($0).utf8) }
        if thinks {
            task.thinking = ThinkingPolicy(
                isEnabled: true, startsOpen: false, openID: Self.open, closeID: Self.close, budget: nil,
                injection: [20, Self.close])
        }
        change(&task)
        return task
    }

    private static func letter(_ token: TokenID) -> String { String(UnicodeScalar(UInt8(97 + Int(token) % 26))) }

    private func run(_ task: GenerationTask, chunk: Int = 8, script: [TokenID] = []) throws -> (
        result: GenerationResult, steps: [SequenceStep]
    ) {
        let limits = EngineLimits(
            contextLength: 256, kvTokens: 2048, kvBlockTokens: 32, sequencesMax: 4, rowsPerSweepMax: 16)
        let engine = ScriptedEngine(limits: limits) { produced in
            produced.count < script.count ? script[produced.count] : 10 + TokenID(produced.count)
        }
        engine.obeysMasks = true
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: chunk)
        loop.submit(task, now: .zero)
        var result: GenerationResult?
        for tick in 0..<100 where !loop.isIdle {
            for outcome in loop.advance(now: .milliseconds(tick)) {
                if case .finished(_, let finished) = outcome { result = finished }
            }
        }
        return (try #require(result), engine.sweeps.flatMap { $0 })
    }

    private func shown(_ result: GenerationResult) -> [Double] {
        (result.choices[0].logprobs ?? []).map(\.token.logprob)
    }

    @Test func tokensOfTheAnswerAreReported() throws {
        let task = task { $0.reporting.answer = 2 }
        let (result, _) = try run(task, script: [5, 6, 7, Self.end])
        #expect(result.choices[0].content == "fgh")
        #expect(shown(result) == [-5, -6, -7], "the end token is no part of the answer")
        let first = try #require(result.choices[0].logprobs?.first)
        #expect(first.token.bytes == [102] && first.top.map(\.bytes) == [[97], [98]])
        #expect(try run(self.task { _ in }, script: [5, Self.end]).result.choices[0].logprobs == nil)
    }

    @Test func thoughtsAreNotReported() throws {
        let task = task(thinks: true) { $0.reporting.answer = 0 }
        let (result, steps) = try run(task, script: [Self.open, 5, Self.close, 6, 7, Self.end])
        #expect(shown(result) == [-6, -7])
        // Inside of the thought nothing is asked for.
        #expect(steps.map { $0.reports?.places.count ?? 0 } == [1, 0, 0, 1, 1, 1])
        // Without the opening tag a thought is known at its end only.
        let late = try run(task, script: [5, 6, Self.close, 7, Self.end]).result
        #expect(late.choices[0].reasoning == "fg" && shown(late) == [-7])
    }

    /// A crash changes nothing: tokens of an earlier attempt are reported on when they are fed again.
    @Test(arguments: [1, 2, 8])
    func aResumedAnswerHasAllReports(chunk: Int) throws {
        var task = task(thinks: true) {
            $0.reporting.answer = 1
            $0.reporting.prompt = 0
        }
        let script: [TokenID] = [Self.open, 5, Self.close, 6, 7, 8, Self.end]
        let whole = try run(task, chunk: chunk, script: script).result
        #expect(shown(whole) == [-6, -7, -8])
        for count in 1..<script.count {
            task.saved = [0: Array(script.prefix(count))]
            let resumed = try run(task, chunk: chunk, script: script).result
            #expect(resumed.choices == whole.choices, "\(count)")
            #expect(resumed.promptLogprobs == whole.promptLogprobs, "\(count)")
        }
    }

    @Test func stopStringsCutTheListWithTheText() throws {
        var task = task {
            $0.reporting.answer = 0
            $0.stopStrings = ["gh"]
        }
        let script: [TokenID] = [5, 6, 7, 8, Self.end]
        var result = try run(task, script: script).result
        #expect(result.choices[0].content == "f" && shown(result) == [-5])
        #expect(result.choices[0].stopReason == .text("gh"))
        task.includesStop = true
        result = try run(task, script: script).result
        #expect(result.choices[0].content == "fgh" && shown(result) == [-5, -6, -7])
        // Until the minimum nothing ends the answer.
        task.minTokens = 4
        result = try run(task, script: [5, Self.end, 6, 7, 6, 7, Self.end]).result
        #expect(result.choices[0].content.hasSuffix("gh") && result.choices[0].content.count == 6, "\(result)")
        #expect(result.choices[0].outputIDs[1] == 0, "the end token is not allowed, so the lowest one comes")
    }

    @Test func stopTokensOfTheRequestAreNamed() throws {
        var task = task {
            $0.stopIDs = [Self.end, 9]
            $0.namedStopIDs = [9]
        }
        var choice = try run(task, script: [5, 9]).result.choices[0]
        #expect(choice.stopReason == .token(9) && choice.content == "f")
        #expect(try run(task, script: [5, Self.end]).result.choices[0].stopReason == nil)
        task.includesStop = true
        choice = try run(task, script: [5, 9]).result.choices[0]
        #expect(choice.content == "fj")
    }

    @Test func theWholePromptIsReportedOnce() throws {
        let task = task(max: 2) {
            $0.reporting.prompt = 1
            $0.choices = 2
        }
        for chunk in [1, 2, 8] {
            let (result, steps) = try run(task, chunk: chunk)
            #expect(result.promptLogprobs?.map(\.token.id) == [2, 3], "\(chunk)")
            #expect(steps.flatMap { $0.reports?.places ?? [] }.count == 2)
            #expect(result.choices.allSatisfy { $0.logprobs == nil })
        }
    }

    @Test func bannedSequencesNeverComplete() throws {
        let task = task(max: 4) { $0.bans = TokenBans([[11, 12], [13], []]) }
        let (result, steps) = try run(task, script: [11, 12, 13, 11])
        #expect(result.choices[0].outputIDs == [11, 0, 0, 11])
        #expect(steps[1].allowed?.exclusions == [12, 13])
    }

    /// Two of three choices begin alike; each of the allowed tokens is equally probable in the engine's reports.
    @Test func choicesHaveProbabilities() throws {
        struct Letters: TokenConstraint {
            var taken: [TokenID] = []
            /// "ab", "ac" and "d".
            static let paths: [[TokenID]] = [[0, 1, ReportTests.end], [0, 2, ReportTests.end], [3, ReportTests.end]]
            var next: [TokenID] {
                Self.paths.filter { $0.starts(with: taken) }.compactMap { $0.dropFirst(taken.count).first }
            }
            var distanceToEnd: Int { 2 }
            var isComplete: Bool { next == [ReportTests.end] }
            var isFinished: Bool { false }
            mutating func accept(_ token: TokenID) { taken.append(token) }
            func mask(room: Int) -> TokenMask {
                var mask = TokenMask(count: 400)
                for token in next { mask.insert(token) }
                return mask
            }
        }
        var task = task {
            $0.constraint = Letters()
            $0.reporting.choices = ["ab", "ac", "d"]
        }
        func probabilities(_ script: [TokenID]) throws -> [Double] {
            let choice = try run(task, script: script).result.choices[0]
            #expect(choice.choiceProbabilities?.map(\.choice) == ["ab", "ac", "d"])
            return (choice.choiceProbabilities ?? []).map { ($0.probability * 1e9).rounded() / 1e9 }
        }
        #expect(try probabilities([0, 1, Self.end]) == [0.25, 0.25, 0.5])
        // The probability of "ab" and "ac" together is divided evenly where nothing more is known.
        #expect(try probabilities([3, Self.end]) == [0.25, 0.25, 0.5])
        task.saved = [0: [0, 2]]
        #expect(try probabilities([0, 2, Self.end]) == [0.25, 0.25, 0.5])
    }
}
