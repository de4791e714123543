import MoedCore
import TestSupport
import Testing

@testable import MoedBatching

/// A job fed by requests ends as the same job fed by sweeps, wherever the requests are cut.
struct SegmentedJobTests {
    private static let open: TokenID = 50
    private static let close: TokenID = 51
    private static let end: TokenID = 52

    private struct Words: TokenTextStream {
        mutating func append(_ token: TokenID) -> String { "\(token) " }
        mutating func finish() -> String { "" }
    }

    /// A model by arithmetic: the next token depends on all tokens before it.
    private static func next(after tokens: [TokenID]) -> TokenID {
        var hash: UInt64 = 17
        for token in tokens { hash = hash &* 31 &+ UInt64(truncatingIfNeeded: token) }
        var generator = SplitMix(seed: hash)
        let draw = TokenID(generator.next() % 40)
        if tokens.count == 3 { return open }
        return draw == 7 ? close : draw == 9 && tokens.contains(close) ? end : draw
    }

    private static func task(budget: Int?, newTokens: Int, reserve: Int = 0) -> GenerationTask {
        var task = GenerationTask(
            job: JobID(5), jobClass: JobClass(model: "m", mode: .thinking, bucket: 6), prompt: [1, 2, 3],
            newTokensMax: newTokens, makeTextStream: { Words() })
        task.stopIDs = [end]
        task.sampling.seed = 99
        task.thinking = ThinkingPolicy(
            isEnabled: true, startsOpen: false, openID: open, closeID: close, budget: budget,
            injection: [60, close, 61])
        task.thinking.reserve = AnswerReserve(
            reserve, newTokensMax: newTokens, long: [60, close, 61], short: [close])
        return task
    }

    /// Runs a job as the local loop does: token by token, without segments.
    private static func whole(_ task: GenerationTask) -> [TokenID] {
        var state = SequenceState(task, choice: 0)
        while state.finishReason == nil { state.accept(next(after: task.prompt + state.outputIDs)) }
        return state.outputIDs
    }

    /// Runs a job by segments; each ends after `cut` tokens at the latest.
    private static func segmented(
        _ task: GenerationTask, cut: Int = .max
    ) throws -> (result: GenerationResult, segments: [SegmentedJob.Segment]) {
        var job = SegmentedJob(task)
        var segments: [SegmentedJob.Segment] = []
        while !job.isFinished {
            let begun = job.begin(0)
            let segment = try #require(begun)
            #expect(segment.position == job.position(of: 0) && segment.tokensMax >= 1)
            #expect(segment.prompt.count + segment.tokensMax <= job.tokensMax)
            segments.append(segment)
            var tokens = segment.prompt
            for _ in 0..<min(segment.tokensMax, cut) {
                tokens.append(next(after: tokens))
                guard job.accept(tokens[tokens.count - 1], choice: 0) == .goesOn else { break }
            }
        }
        return (try #require(job.result()), segments)
    }

    @Test(arguments: [nil, 0, 1, 2, 5, 12, 30] as [Int?], [1, 3, .max])
    func segmentsGiveTheTokensOfOneRun(budget: Int?, cut: Int) throws {
        for newTokens in [1, 4, 17, 60] {
            let task = Self.task(budget: budget, newTokens: newTokens, reserve: newTokens / 4)
            let (result, segments) = try Self.segmented(task, cut: cut)
            #expect(result.choices[0].outputIDs == Self.whole(task))
            #expect(result.usage.completion == result.choices[0].outputIDs.count)
            #expect(result.usage.prompt == 3)
            #expect(Set(segments.map(\.seed)).count == segments.count)
            #expect(segments.allSatisfy { ($0.seed == 99) == ($0.position == 0) })
        }
    }

    /// No token is asked for that an injection would drop.
    @Test func aSegmentEndsWhereAnInjectionIsDue() throws {
        let task = Self.task(budget: 5, newTokens: 60)
        let (result, segments) = try Self.segmented(task)
        #expect(segments.map(\.position) == [0, 8])
        #expect(segments[0].tokensMax == 5)
        #expect(result.usage.thinking == 5 && result.usage.injected == 3)
    }

    @Test func aCheckpointIsContinuedAndCounted() throws {
        let task = Self.task(budget: 12, newTokens: 60)
        let whole = Self.whole(task)
        for cut in 0...whole.count {
            var resumed = task
            resumed.saved = [0: Array(whole.prefix(cut))]
            // No checkpoint lies between a thought and its injected end: such a job begins anew.
            let isInside = (12...14).contains(cut)
            var job = SegmentedJob(resumed)
            let progress = job.takeProgress()
            #expect(progress.isEmpty || isInside || cut == 0)
            #expect(job.wasted == Usage())
            var isFirst = true
            while !job.isFinished {
                let segment = job.begin(0)
                var tokens = try #require(segment).prompt
                if isFirst { #expect(tokens.count == (isInside ? 3 : 3 + cut)) }
                isFirst = false
                repeat { tokens.append(Self.next(after: tokens)) } while job.accept(tokens[tokens.count - 1], choice: 0) == .goesOn
            }
            #expect(job.result()?.choices[0].outputIDs == whole)
        }
    }

    @Test func wastedTokensAreThoseReceived() throws {
        var job = SegmentedJob(Self.task(budget: nil, newTokens: 60))
        #expect(job.wasted == Usage())
        _ = job.begin(0)
        #expect(job.wasted.prompt == 3 && job.wasted.completion == 0)
        _ = job.accept(Self.open, choice: 0)
        _ = job.accept(4, choice: 0)
        #expect(job.wasted.thinking == 2)
        let (first, second) = (job.takeProgress(), job.takeProgress())
        #expect(first == [OutputPiece(job: JobID(5), choice: 0, firstToken: 0, tokens: [Self.open, 4])])
        #expect(second.isEmpty)
        #expect(job.result() == nil)
    }

    @Test func choicesAreChainsOfTheirOwn() throws {
        var task = Self.task(budget: nil, newTokens: 2)
        task.choices = 3
        var job = SegmentedJob(task)
        let seeds = (0..<3).compactMap { job.begin($0)?.seed }
        #expect(Set(seeds).count == 3 && seeds[0] == 99)
        for choice in [2, 0, 1] {
            let steps = [1, 2, 3].map { job.accept($0, choice: choice) }
            #expect(steps == [.goesOn, .ended, .ended])
            job.note(cached: choice + 1, choice: choice)
        }
        let result = try #require(job.result())
        #expect(result.choices.map(\.index) == [0, 1, 2])
        #expect(result.usage.completion == 6 && result.usage.cachedPrompt == 1)
    }

    @Test func aSegmentCanBeRolledBack() {
        var job = SegmentedJob(Self.task(budget: nil, newTokens: 60))
        _ = job.begin(0)
        _ = job.accept(Self.open, choice: 0)
        _ = job.begin(0)
        _ = job.accept(4, choice: 0)
        let unproven = job.takeProgress(unproven: [0])
        #expect(unproven.isEmpty)
        job.rollBack(0)
        let again = job.begin(0)
        #expect(again?.prompt == [1, 2, 3, Self.open])
        #expect(job.wasted.thinking == 1)
    }

    @Test func seedsFitTheEngines() {
        for seed: UInt64 in [0, 1, .max, 1 << 63] {
            for (choice, position) in [(0, 0), (1, 0), (0, 1), (127, 40_000)] {
                #expect(SegmentedJob.seed(seed, choice: choice, position: position) <= UInt64(Int64.max))
            }
        }
    }
}
