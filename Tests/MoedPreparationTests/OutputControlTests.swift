import MoedBatching
import MoedCore
import MoedPreparation
import MoedText
import TestSupport
import Testing

/// Prefilled answers, efforts, bias and log-probabilities: from a request to a task.
struct OutputControlTests {
    private let scene: RequestPreparerTests

    init() throws { scene = try RequestPreparerTests() }

    private func error(_ body: JSONValue, with preparer: RequestPreparer? = nil) -> RequestError? {
        do {
            _ = try scene.prepare(body, with: preparer)
            return nil
        } catch { return error as? RequestError }
    }

    private func prefilled(_ content: String, _ more: (String, JSONValue)...) -> JSONValue {
        let messages: JSONValue = [
            ["role": "user", "content": "Hi"], ["role": "assistant", "content": .string(content)],
        ]
        return .object(JSONObject([("messages", messages), ("continue_final_message", true)] + more))
    }

    @Test(arguments: [
        ("The answer is", "The answer is"), ("{\"a\": ", "{\"a\": "), ("a <|im_end|> b", "a <|im_end|> b"),
        ("Hi", "Hi"), ("<think>\nI see\n</think>\n\nThe", "The"),
    ])
    func thePromptEndsWithTheLastMessage(content: String, end: String) throws {
        let task = try scene.prepare(prefilled(content))
        #expect(scene.prompt(task).hasSuffix(end), "\(scene.prompt(task))")
        #expect(!scene.prompt(task).hasSuffix("user\n\(end)"))
        #expect(!task.thinking.isEnabled, "the thought is closed")
    }

    @Test func anOpenThoughtGoesOn() throws {
        let task = try scene.prepare(prefilled("<think>\nLet me"))
        #expect(scene.prompt(task).hasSuffix("<think>\nLet me"))
        #expect(task.thinking.isEnabled && task.thinking.startsOpen)
    }

    @Test func effortsAreBudgets() throws {
        for (effort, budget) in [("minimal", 512), ("low", 2048), ("medium", 8192), ("high", nil)] {
            let task = try scene.prepare(scene.body("Hi", ("reasoning_effort", .string(effort))))
            #expect(task.thinking.budget == budget, "\(effort)")
        }
        let own = scene.body("Hi", ("reasoning_effort", "low"), ("thinking_token_budget", 5))
        #expect(try scene.prepare(own).thinking.budget == 5)
        let none = try scene.prepare(scene.body("Hi", ("reasoning_effort", "none")))
        #expect(none.jobClass.mode == .nonThinking)
    }

    @Test func controlsReachTheTask() throws {
        let task = try scene.prepare(
            scene.body(
                "Hi", ("logit_bias", ["5": 3]), ("min_tokens", 4), ("include_stop_str_in_output", true),
                ("stop_token_ids", [9, 635]), ("bad_words", ["ab"]), ("logprobs", true), ("top_logprobs", 2),
                ("prompt_logprobs", 1)))
        #expect(task.sampling.logitBias == [5: 3] && task.minTokens == 4 && task.includesStop)
        #expect(task.namedStopIDs == [9], "an end token of the model is no reason of its own")
        let words = ["ab", " ab"].map { scene.text.tokenizer.encodePlain($0) }
        #expect(task.bans == TokenBans(words))
        #expect(task.reporting.answer == 2 && task.reporting.prompt == 1)
        #expect(task.tokenBytes(637) == Array("<|im_end|>".utf8))
    }

    @Test func whatCannotBeIsRefused() throws {
        #expect(error(scene.body("Hi", ("logit_bias", ["5": 1, "70000": 1])))?.param == "logit_bias.70000")
        #expect(error(scene.body("Hi", ("min_tokens", 250)))?.param == "min_tokens")
        #expect(error(scene.body("Hi", ("choice_probabilities", true)))?.param == "choice_probabilities")
        var large = scene.preparer
        large.limits.contextLength = 1 << 20
        large.limits.kvTokens = 1 << 20
        let many = scene.body("Hi", ("logprobs", true), ("top_logprobs", 20), ("max_tokens", 100_000))
        #expect(error(many, with: large)?.param == "top_logprobs")
    }

    @Test func endpointsDoNotReadLogits() throws {
        var options = PreparationOptions()
        options.readsLogits = false
        let remote = RequestPreparer(
            text: scene.text, limits: scene.preparer.limits, maxTokensDefault: 100, options: options)
        let members: [(String, JSONValue)] = [
            ("logprobs", true), ("prompt_logprobs", 0), ("logit_bias", ["5": 1]), ("bad_words", ["x"]), ("min_tokens", 1),
        ]
        for member in members {
            let error = error(scene.body("Hi", member), with: remote)
            #expect(error?.code == .unsupported && error?.param == member.0, "\(member.0)")
        }
        #expect(error(scene.body("Hi", ("include_stop_str_in_output", true)), with: remote) == nil)
    }
}
