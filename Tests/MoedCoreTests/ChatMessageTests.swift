import MoedCore
import Testing

/// Roles and members of messages: what a template gets, and what is refused.
struct ChatMessageTests {
    private func messages(_ json: String) throws -> [JSONValue] {
        let request = try GenerationRequest(body: ["messages": try JSONValue(parsing: json)])
        guard case .messages(let messages) = request.prompt else { return [] }
        return messages
    }

    private func error(_ json: String) -> RequestError? {
        #expect(throws: RequestError.self) { try messages(json) }
    }

    @Test func aDeveloperIsTheSystem() throws {
        #expect(
            try messages(#"[{"role": "user", "content": "a"}, {"role": "developer", "content": "b"}]"#)
                == [["role": "user", "content": "a"], ["role": "system", "content": "b"]])
    }

    @Test(arguments: ["human", "User", "", "bot", "model", "functions", "SYSTEM", "tool ", "ipython"])
    func otherRolesAreRefused(role: String) {
        let error = error(#"[{"role": "user", "content": "a"}, {"role": "\#(role)", "content": "b"}]"#)
        #expect(error?.code == .invalidValue && error?.param == "messages[1].role")
    }

    /// OpenAI's client writes every member of a message, most of them null.
    @Test func nullMembersAreAbsent() throws {
        let call = #"{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}"#
        let nulls = #""name": null, "refusal": null, "audio": null, "function_call": null, "reasoning": null"#
        let checked = try messages(
            #"[{"role": "user", "content": "a", "name": null}, "#
                + #"{"role": "assistant", "content": null, "tool_calls": [\#(call)], \#(nulls)}]"#)
        #expect(checked[0] == ["role": "user", "content": "a"])
        #expect(checked[1].object?.members.map(\.key) == ["role", "tool_calls", "content"])
        #expect(checked[1]["content"] == "")
    }

    @Test(arguments: ["reasoning", "reasoning_content"])
    func aThoughtHasBothNames(name: String) throws {
        let checked = try messages(#"[{"role": "assistant", "content": "a", "\#(name)": "why"}]"#)
        #expect(checked[0]["reasoning"] == "why" && checked[0]["reasoning_content"] == "why")
    }

    @Test func ofTwoThoughtsEachStays() throws {
        let checked = try messages(
            #"[{"role": "assistant", "content": "a", "reasoning": "x", "reasoning_content": "y"}]"#)
        #expect(checked[0]["reasoning"] == "x" && checked[0]["reasoning_content"] == "y")
    }

    @Test(
        arguments: [
            (#"{"role": "assistant", "function_call": {}}"#, .invalidValue, "tool_calls[0]"),
            (#"{"role": "assistant", "audio": {"id": "x"}}"#, .unsupported, "audio"),
            (#"{"role": "assistant", "refusal": "no"}"#, .unsupported, "refusal"),
            (#"{"role": "assistant", "reasoning": {"text": "x"}}"#, .invalidValue, "reasoning"),
            (#"{"role": "assistant", "tool_calls": {}}"#, .invalidValue, "tool_calls"),
            (#"{"role": "assistant", "tool_calls": [{"type": "custom"}]}"#, .invalidValue, "tool_calls[0]"),
            (#"{"role": "user", "content": "a", "tool_calls": [{}]}"#, .invalidValue, "tool_calls"),
            (#"{"role": "tool", "content": null}"#, .missingField, "content"),
        ] as [(String, RequestError.Code, String)])
    func membersThatNoTemplatePrintsAreRefused(message: String, code: RequestError.Code, member: String) {
        let error = error("[\(message)]")
        #expect(error?.code == code && error?.param == "messages[0].\(member)")
    }
}
