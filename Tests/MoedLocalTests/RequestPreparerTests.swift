import Foundation
import MoedBatching
import MoedCore
import MoedLocal
import MoedText
import TestSupport
import Testing

/// From a request body to tokens, defaults and limits, with the sample model's tokenizer and template.
@Suite struct RequestPreparerTests {
    let text: TextSide
    let preparer: RequestPreparer

    init() throws {
        text = try TextSide(directory: Fixtures.sampleModel.path)
        let limits = EngineLimits(
            contextLength: 256, kvTokens: 512, kvBlockTokens: 32, sequencesMax: 4, rowsPerSweepMax: 64)
        preparer = RequestPreparer(text: text, limits: limits, maxTokensDefault: 100)
    }

    func prepare(_ body: JSONValue, with other: RequestPreparer? = nil) throws -> GenerationTask {
        try (other ?? preparer).prepare(
            try GenerationRequest(body: body), job: JobID(7), model: "m", bucket: nil, seed: 7, waited: .zero)
    }

    func body(_ content: String = "Hi", _ more: (String, JSONValue)...) -> JSONValue {
        .object(JSONObject([("messages", [["role": "user", "content": .string(content)]])] + more))
    }

    func prompt(_ task: GenerationTask) -> String { text.tokenizer.decode(task.prompt) }

    static let direct = "<think>\n\n</think>\n\n"

    @Test func thinkingIsTheDefault() throws {
        let task = try prepare(body())
        #expect(prompt(task).hasSuffix("<|im_start|>assistant\n"))
        #expect(task.jobClass.mode == .thinking)
        #expect(task.thinking.isEnabled && !task.thinking.startsOpen)
        #expect(task.newTokensMax == 100)
        #expect(task.sampling == SamplingParameters(temperature: 0.6, topK: 20, topP: 0.95, seed: 7))
        #expect(task.stopIDs == [635, 637])
        #expect(task.thinking.openID == 638 && task.thinking.closeID == 639)
        #expect(text.tokenizer.decode(task.thinking.injection).hasSuffix("directly now.\n</think>\n\n"))
    }

    /// Encoding ends at the context, so the length is known from below only.
    @Test func aPromptBeyondTheContextIsRefused() throws {
        for content in ["word ", "a", "\u{301}", "漢"].map({ String(repeating: $0, count: 200_000) }) {
            let error = #expect(throws: RequestError.self) { try prepare(body(content)) }
            #expect(error?.code == .contextLengthExceeded && error?.param == "messages")
            #expect(error?.message == "the prompt has more than 256 tokens, the model's context is 256")
        }
        let error = #expect(throws: RequestError.self) {
            try prepare(["prompt_ids": .array([JSONValue](repeating: 5, count: 300))])
        }
        #expect(error?.message == "the prompt has 300 tokens, the model's context is 256")
    }

    /// A body of values costs more memory than its text: their number has a limit.
    @Test func aBodyOfManyValuesIsRefused() throws {
        let values = String(repeating: "0,", count: 100_000) + "0"
        let job = RunnableJob(
            id: JobID(1), jobClass: JobClass(model: "m", mode: .thinking, bucket: 5),
            body: #"{"messages":[{"role":"user","content":"Hi"}],"stop_token_ids":[\#(values)]}"#)
        let result = preparer.prepare(job, PreparationWork(ProgressCounter(name: "test")))
        guard case .failure(let error) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(error.code == .promptTooLarge && error.message.contains("more than 65536 JSON values"))
    }

    @Test func theSwitchTurnsThinkingOff() throws {
        for more in [
            ("chat_template_kwargs", ["enable_thinking": false]), ("reasoning_effort", "none"),
        ] as [(String, JSONValue)] {
            let task = try prepare(body("Hi", more))
            #expect(prompt(task).hasSuffix(Self.direct))
            #expect(task.jobClass.mode == .nonThinking && !task.thinking.isEnabled)
            #expect(task.sampling == SamplingParameters(temperature: 0.7, topK: 20, topP: 0.8, seed: 7))
        }
    }

    @Test(arguments: [
        ("Count. /no_think", ReasoningMode.nonThinking), ("/no_think Count. /think", .thinking),
        ("/think\n/no_think", .nonThinking), ("a/no_think", .thinking), ("/no_thinking", .thinking),
    ])
    func theLastSoftSwitchCounts(_ content: String, _ mode: ReasoningMode) throws {
        #expect(try prepare(body(content)).jobClass.mode == mode)
    }

    @Test func anExplicitModeOverrulesTheSoftSwitch() throws {
        let task = try prepare(body("/no_think", ("chat_template_kwargs", ["enable_thinking": true])))
        #expect(task.jobClass.mode == .thinking)
    }

    /// A mode that the model lacks, and a budget without thinking, are remarks and no errors.
    @Test func overriddenWishesAreRemarked() throws {
        #expect(try prepare(["messages": [["role": "user", "content": "hi"]]]).warnings.isEmpty)
        let silent = try prepare([
            "messages": [["role": "user", "content": "hi"]], "reasoning": "non_thinking",
            "thinking_token_budget": 5,
        ])
        #expect(silent.warnings == ["thinking_token_budget has no effect: the job ran without thinking"])
    }

    @Test func requestedValuesWinOverDefaults() throws {
        let task = try prepare(
            body(
                "Hi", ("temperature", 0), ("top_k", -1), ("seed", -1), ("max_completion_tokens", 9),
                ("max_tokens", 50), ("n", 3), ("stop", "x"), ("stop_token_ids", [5]), ("ignore_eos", true),
                ("thinking_token_budget", 4), ("include_reasoning", false)))
        #expect(task.sampling.temperature == 0 && task.sampling.topK == 0)
        #expect(task.sampling.seed == UInt64.max)
        #expect(task.newTokensMax == 9 && task.choices == 3)
        #expect(task.stopStrings == ["x"] && task.stopIDs == [5])
        #expect(task.thinking.budget == 4 && !task.includesReasoning)
    }

    @Test func limitsAreErrorsOrCaps() throws {
        let long = String(repeating: "strawberry ", count: 200)
        #expect(throws: RequestError.self) { try prepare(body(long)) }
        let capped = try prepare(body("Hi", ("max_tokens", 100_000)))
        #expect(capped.newTokensMax == 256 - capped.prompt.count)

        let small = RequestPreparer(
            text: text,
            limits: EngineLimits(
                contextLength: 4096, kvTokens: 64, kvBlockTokens: 32, sequencesMax: 4, rowsPerSweepMax: 64),
            maxTokensDefault: nil)
        #expect(try prepare(body(), with: small).newTokensMax < 64)
        let error = #expect(throws: RequestError.self) {
            try prepare(body("Hi", ("max_tokens", 100)), with: small)
        }
        #expect(error?.param == "max_tokens" && error?.message.contains("engine.kv_tokens") == true)
    }

    @Test func readyTokensAreUsedAsTheyAre() throws {
        #expect(try prepare(["prompt_ids": [1, 2, 3]]).prompt == [1, 2, 3])
        let error = #expect(throws: RequestError.self) { try prepare(["prompt_ids": [1, 640]]) }
        #expect(error?.param == "prompt_ids[1]")
        #expect(try prepare(["prompt_ids": [5, 638, 198]]).thinking.startsOpen)
        #expect(try !prepare(["prompt_ids": [638, 5]]).thinking.startsOpen)
    }

    /// A hybrid that may not think at all answers at once, as with `enable_thinking: false`.
    @Test func aBudgetOfNothingIsAnEmptyThought() throws {
        for more in [[], [("reasoning", "thinking")]] as [[(String, JSONValue)]] {
            let members = [("messages", [["role": "user", "content": "Hi"]]), ("thinking_token_budget", 0)] + more
            let task = try prepare(.object(JSONObject(members)))
            #expect(prompt(task).hasSuffix(Self.direct))
            #expect(task.jobClass.mode == .nonThinking && !task.thinking.isEnabled && task.warnings.isEmpty)
        }
        // The prompt is the caller's own, so the empty thought is injected.
        let tokens = try prepare(["prompt_ids": [5, 6], "thinking_token_budget": 0])
        #expect(text.tokenizer.decode(tokens.thinking.injection) == Self.direct)
        let open = try prepare(["prompt_ids": [5, 638, 198], "thinking_token_budget": 0])
        #expect(text.tokenizer.decode(open.thinking.injection).contains("Considering the limited time"))
    }

    /// Tokens asked for, new tokens, tokens reserved, text that is injected.
    @Test(arguments: [
        (nil, 2000, 256, "long"), (nil, 400, 100, "long"), (nil, 100, 25, "short"), (nil, 40, 10, "short"),
        (nil, 6, 0, ""), (0, 400, 0, ""), (60, 400, 60, "long"), (1000, 400, 100, "long"), (30, 400, 30, "short"),
    ] as [(Int?, Int, Int, String)])
    func theReserveIsAQuarterAtMost(asked: Int?, max: Int, tokens: Int, kind: String) throws {
        let wide = RequestPreparer(
            text: text,
            limits: EngineLimits(
                contextLength: 4096, kvTokens: 4096, kvBlockTokens: 32, sequencesMax: 4, rowsPerSweepMax: 64),
            maxTokensDefault: 100)
        let task = try prepare(
            body(
                "Hi", ("max_tokens", .integer(Int64(max))),
                ("answer_reserve", asked.map { .integer(Int64($0)) } ?? .null)), with: wide)
        let reserve = task.thinking.reserve
        #expect(reserve.tokens == tokens)
        let injected = text.tokenizer.decode(reserve.injection)
        #expect(injected == (kind == "short" ? "\n</think>\n\n" : kind.isEmpty ? "" : injected))
        #expect(injected.contains("Considering") == (kind == "long"))
        #expect(task.warnings.count == ((asked ?? 0) > max / 4 ? 1 : 0))
    }

    @Test func theWorkersDefaultsHoldWhereARequestNamesNone() throws {
        var options = PreparationOptions()
        options.mode = .nonThinking
        options.answerReserve = 0
        let other = RequestPreparer(text: text, limits: preparer.limits, maxTokensDefault: 100, options: options)
        #expect(try prepare(body(), with: other).jobClass.mode == .nonThinking)
        #expect(try prepare(body(), with: other).thinking.reserve == .none)
        #expect(try prompt(prepare(body(), with: other)).hasSuffix(Self.direct))
        #expect(try prepare(body("Hi /think"), with: other).jobClass.mode == .thinking)
        #expect(try prepare(body("Hi", ("enable_thinking", true)), with: other).jobClass.mode == .thinking)
        #expect(try prepare(["prompt_ids": [5, 6]], with: other).jobClass.mode == .thinking)
    }

    @Test func emptyPromptsAndClampedValuesAreRemarked() throws {
        #expect(
            try prepare(body(" \n")).warnings == ["the prompt is empty: messages[0].content has no text"])
        let capped = try prepare(body("Hi", ("max_tokens", 100_000)))
        #expect(
            capped.warnings == [
                "max_tokens was lowered from 100000 to \(capped.newTokensMax): the context has 256 tokens"
            ])
    }
}
