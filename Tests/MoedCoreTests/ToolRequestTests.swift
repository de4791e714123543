import MoedCore
import Testing

/// `tools`, `tool_choice`, and calls and results in the history.
struct ToolRequestTests {
    private static let tools =
        #""tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}, {"function": {"name": "g"}}]"#

    private func request(_ members: String, messages: String = #"[{"role": "user", "content": "Hi"}]"#) throws(RequestError)
        -> GenerationRequest
    {
        let body: JSONValue
        do { body = try JSONValue(parsing: "{\"messages\": \(messages), \(members)}") } catch {
            throw RequestError(.invalidJSON, "\(error)")
        }
        return try GenerationRequest(body: body)
    }

    @Test(arguments: [
        ("", .auto, ["f", "g"]), (#", "tool_choice": "auto""#, .auto, ["f", "g"]),
        (#", "tool_choice": "required""#, .required, ["f", "g"]),
        (#", "tool_choice": {"type": "function", "function": {"name": "g"}}"#, .named("g"), ["g"]),
        (#", "tool_choice": {"type": "function", "name": "f"}"#, .named("f"), ["f"]),
        (#", "tool_choice": null"#, .auto, ["f", "g"]),
    ] as [(String, ToolRequest.Choice, [String])])
    func choicesAreRead(members: String, choice: ToolRequest.Choice, names: [String]) throws {
        let tools = try #require(try request(Self.tools + members).tools)
        #expect(tools.choice == choice && tools.tools.map(\.name) == names && tools.isParallel)
    }

    @Test func noneLeavesThemOut() throws {
        #expect(try request(Self.tools + #", "tool_choice": "none""#).tools == nil)
        #expect(try request(#""tools": [], "tool_choice": "auto", "parallel_tool_calls": true"#).tools == nil)
        #expect(try request(Self.tools + #", "parallel_tool_calls": false"#).tools?.isParallel == false)
    }

    @Test(arguments: [
        (#""tool_choice": "required""#, "tool_choice"), (#""tool_choice": "maybe""#, "tool_choice"),
        (tools + #", "tool_choice": {"type": "function", "function": {"name": "h"}}"#, "tool_choice.function.name"),
        (tools + #", "tool_choice": {"type": "allowed_tools"}"#, "tool_choice"),
        (#""tools": {}"#, "tools"), (#""tools": [1]"#, "tools[0]"),
        (#""tools": [{"type": "function"}]"#, "tools[0].function"),
        (#""tools": [{"type": "custom", "custom": {}}]"#, "tools[0].type"),
        (#""tools": [{"function": {"name": ""}}]"#, "tools[0].function.name"),
        (#""tools": [{"function": {"name": "f"}}, {"function": {"name": "f"}}]"#, "tools[1].function.name"),
        (#""tools": [{"function": {"name": "f", "parameters": []}}]"#, "tools[0].function.parameters"),
        (#""parallel_tool_calls": 1"#, "parallel_tool_calls"),
    ])
    func badValuesAreNamed(members: String, param: String) {
        let error = #expect(throws: RequestError.self) { try request(members) }
        #expect(error?.param == param)
    }

    /// Shapes in which clients send calls and results.
    @Test(arguments: [
        (#"{"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]}"#),
        (#"{"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]}"#),
        (#"{"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{\"x\": 1}"}}"#),
        (#"{"role": "assistant", "content": [], "tool_calls": [{"name": "f", "arguments": "{\"x\":1}"}]}"#),
    ])
    func callsHaveObjectsAsArguments(message: String) throws {
        let read = try request(#""n": 1"#, messages: "[{\"role\": \"user\", \"content\": \"Hi\"}, \(message)]")
        guard case .messages(let messages) = read.prompt else { return }
        let call = try #require(messages[1]["tool_calls"]?.array?.first)
        let function = call["function"] ?? call
        #expect(function["arguments"] == ["x": 1] && function["name"] == "f")
        #expect(messages[1]["content"] == "" && messages[1]["function_call"] == nil)
    }

    @Test(arguments: [
        (#"{"role": "tool", "tool_call_id": "c", "content": "20"}"#, "20"),
        (#"{"role": "tool", "content": [{"type": "text", "text": "20"}, {"type": "text", "text": "C"}]}"#, "20\nC"),
        (#"{"role": "function", "name": "f", "content": "20"}"#, "20"),
        (#"{"role": "tool", "content": {"t": 20}}"#, #"{"t":20}"#),
    ])
    func resultsAreTexts(message: String, content: String) throws {
        let read = try request(#""n": 1"#, messages: "[{\"role\": \"user\", \"content\": \"Hi\"}, \(message)]")
        guard case .messages(let messages) = read.prompt else { return }
        #expect(messages[1]["content"]?.string == content && messages[1]["role"] == "tool")
    }

    @Test func callsHaveTheShapeOfOpenAI() throws {
        var choice = GenerationChoice(index: 0, content: "", reasoning: nil, finishReason: .toolCalls, outputIDs: [1])
        choice.toolCalls = [ToolCall(id: "call_1", name: "f", arguments: #"{"x":1}"#)]
        func message() -> JSONValue? {
            let result = GenerationResult(choices: [choice], usage: Usage(), seed: 1)
            return ChatCompletion.object(id: "i", created: 0, model: "m", result: result)["choices"]?.array?.first
        }
        #expect(message()?["finish_reason"] == "tool_calls" && message()?["message"]?["content"] == .null)
        #expect(
            message()?["message"]?["tool_calls"] == [
                ["id": "call_1", "type": "function", "function": ["name": "f", "arguments": #"{"x":1}"#]]
            ])
        #expect(!choice.isWithoutAnswer)
        choice.content = "So"
        #expect(message()?["message"]?["content"] == "So")
    }
}
