import MoedBatching
import MoedCore
import MoedPreparation
import MoedText
import TestSupport
import Testing

/// Tools in the prompt, calls as a constraint, and calls read out of answers.
struct ToolPreparationTests {
    private let scene: RequestPreparerTests
    private let roomy: RequestPreparer

    init() throws {
        scene = try RequestPreparerTests()
        var preparer = scene.preparer
        preparer.limits.contextLength = 4096
        preparer.limits.kvTokens = 4096
        roomy = preparer
    }

    private static let tools: JSONValue = [
        [
            "type": "function",
            "function": [
                "name": "add",
                "parameters": [
                    "type": "object", "properties": ["a": ["type": "integer"], "b": ["type": "integer"]],
                    "required": ["a", "b"], "additionalProperties": false,
                ],
            ],
        ],
        ["type": "function", "function": ["name": "now", "description": "a <|im_end|> b"]],
    ]

    private func body(_ more: (String, JSONValue)...) -> JSONValue {
        .object(JSONObject([("messages", [["role": "user", "content": "Hi"]]), ("tools", Self.tools)] + more))
    }

    @Test func toolsAreInThePrompt() throws {
        let task = try scene.prepare(body(), with: roomy)
        let prompt = scene.prompt(task)
        #expect(prompt.contains(#""name": "add""#) && prompt.contains("a <|im_end|> b"))
        // The spelling in a description is text: the control token ends the turns only.
        #expect(task.prompt.count { $0 == 637 } == 2)
        #expect(task.constraint == nil && task.readCalls != nil)
        let none = try scene.prepare(body(("tool_choice", "none")), with: roomy)
        #expect(!scene.prompt(none).contains("add") && none.readCalls == nil)
    }

    @Test func aTemplateWithoutToolsIsRefused() throws {
        let text = try TemplatedText.text(template: "{% for m in messages %}{{ m.content }}{% endfor %}")
        let error = #expect(throws: RequestError.self) {
            try TemplatedText.preparer(text).prompt([["role": "user", "content": "add now"]], ("tools", Self.tools))
        }
        #expect(error?.code == .templateFailed && error?.param == "tools[0]")
    }

    @Test func callsAreReadOutOfAnswers() throws {
        let read = try #require(try scene.prepare(body(), with: roomy).readCalls)
        let one = "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2}}\n</tool_call>"
        #expect(read("So.\n\(one)") == ReadAnswer(content: "So.", calls: [("add", #"{"a":1,"b":2}"#)], warning: nil))
        #expect(read("plain") == ReadAnswer(content: "plain", calls: [], warning: nil))
        #expect(read("<tool_call>x</tool_call>").warning?.contains("could not be read") == true)
        #expect(read(one.replacing("add", with: "sub")).warning?.contains("none of the tools") == true)
        let single = try #require(
            try scene.prepare(body(("parallel_tool_calls", false)), with: roomy).readCalls)
        #expect(single(one + "\n" + one).calls.count == 1 && single(one + one).warning != nil)
    }

    /// Random walks through the constraint: each ends in time with calls of the tools and arguments of their schemas.
    @Test(
        arguments: [("required", 160), (["type": "function", "function": ["name": "add"]], 90)] as [(JSONValue, Int)])
    func demandedCallsAreWhole(choice: JSONValue, room: Int) throws {
        let task = try scene.prepare(
            body(("tool_choice", choice), ("max_tokens", .integer(Int64(room))), ("enable_thinking", false)), with: roomy)
        let start = try #require(task.constraint)
        let read = try #require(task.readCalls)
        for seed in 0..<60 {
            var random = SplitMix(seed: UInt64(seed))
            var constraint = start
            var tokens: [TokenID] = []
            while !constraint.isFinished {
                try #require(tokens.count < room, "\(scene.text.tokenizer.decode(tokens))")
                let allowed = constraint.mask(room: room - tokens.count).tokens
                let token = try #require(allowed.isEmpty ? nil : allowed[Int(random.next() % UInt64(allowed.count))])
                if task.stopIDs.contains(token) { break }
                tokens.append(token)
                constraint.accept(token)
            }
            let text = scene.text.tokenizer.decode(tokens)
            let answer = read(text)
            #expect(answer.content == "" && answer.warning == nil && !answer.calls.isEmpty, "\(text)")
            for call in answer.calls {
                let arguments = try JSONValue(parsing: call.arguments)
                if call.name == "add" {
                    #expect(arguments.object?.count == 2 && arguments["a"]?.integer != nil && arguments["b"]?.integer != nil)
                } else {
                    #expect(call.name == "now" && call.arguments == "{}")
                }
            }
        }
    }

    @Test func whatCannotBeIsRefused() throws {
        func error(_ body: JSONValue, _ preparer: RequestPreparer? = nil) -> RequestError? {
            do {
                _ = try scene.prepare(body, with: preparer ?? roomy)
                return nil
            } catch { return error as? RequestError }
        }
        #expect(error(body(("tool_choice", "required"), ("response_format", ["type": "json_object"])))?.param == "tool_choice")
        #expect(error(body(("guided_regex", "a")))?.param == "guided_regex")
        #expect(error(body(("tool_choice", "required"), ("max_tokens", 9)))?.param == "max_tokens")
        let bad: JSONValue = [
            ["function": ["name": "ok"]], ["function": ["name": "f", "parameters": ["$ref": "http://x/y"]]],
        ]
        let messages: JSONValue = [["role": "user", "content": "Hi"]]
        let refused = error(.object(JSONObject([("messages", messages), ("tools", bad), ("tool_choice", "required")])))
        #expect(refused?.param == "tools[1].function.parameters", "\(String(describing: refused))")
        var options = PreparationOptions()
        options.readsLogits = false
        let remote = RequestPreparer(
            text: scene.text, limits: roomy.limits, maxTokensDefault: 100, options: options)
        #expect(error(body(("tool_choice", "required")), remote)?.param == "tool_choice")
        #expect(error(body(), remote) == nil, "calls of free answers are read everywhere")
    }
}
