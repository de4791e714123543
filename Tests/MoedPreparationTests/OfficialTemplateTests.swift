import Foundation
import MoedCore
import MoedPreparation
import MoedText
import TestSupport
import Testing

/// Qwen's four kinds of templates behind the sample model: every message is in the prompt, and documents open no turn.
@Suite(.enabled(if: Fixtures.golden != nil, Comment(rawValue: Fixtures.goldenMissing)))
struct OfficialTemplateTests {
    private func text(_ name: String) throws -> TextSide {
        try TemplatedText.text(template: try #require(try TemplatedText.source(official: name)))
    }

    private static let call: JSONValue = [
        "role": "assistant", "content": .null,
        "tool_calls": [["type": "function", "function": ["name": "f", "arguments": "{\"a\": 1}"]]],
    ]

    @Test(arguments: TemplatedText.official) func developersAreHeard(name: String) throws {
        let text = try text(name)
        let preparer = TemplatedText.preparer(text)
        let chats: [(JSONValue, JSONValue)] = [
            (
                [["role": "developer", "content": "Answer in French."], ["role": "user", "content": "hi"]],
                [["role": "system", "content": "Answer in French."], ["role": "user", "content": "hi"]]
            ),
            (
                [["role": "user", "content": "hi"], ["role": "developer", "content": "In French."]],
                [["role": "user", "content": "hi"], ["role": "system", "content": "In French."]]
            ),
        ]
        for (given, meant) in chats {
            #expect(try preparer.prompt(given) == preparer.prompt(meant))
            #expect(text.tokenizer.decode(try preparer.prompt(given)).contains("French."))
        }
    }

    /// Null content breaks the oldest template unless it is read as empty text.
    @Test(arguments: TemplatedText.official) func toolCallsNeedNoContent(name: String) throws {
        let text = try text(name)
        let prompt = try TemplatedText.preparer(text).prompt([
            ["role": "user", "content": "hi"], Self.call, ["role": "tool", "content": "4"],
        ])
        let shown = text.tokenizer.decode(prompt)
        #expect(shown.contains(#"{"name": "f", "arguments": {"a": 1}}"#))
        #expect(shown.contains("<tool_response>\n4\n</tool_response>"))
    }

    @Test(arguments: ["hybrid", "hybrid-original", "thinking-2507"])
    func thoughtsOfAToolChainStay(name: String) throws {
        let preparer = TemplatedText.preparer(try text(name))
        func prompt(_ member: String) throws -> [TokenID] {
            var call = try #require(Self.call.object)
            call[member] = "why b"
            return try preparer.prompt([
                ["role": "user", "content": "hi"], .object(call), ["role": "tool", "content": "4"],
            ])
        }
        #expect(try prompt("reasoning") == prompt("reasoning_content"))
        #expect(try prompt("reasoning").count > prompt("other").count)
    }

    /// False for messages that moed reads better or refuses, and for modes that it chooses itself.
    private static func isReadTheSame(_ messages: JSONValue, _ variables: JSONObject) -> Bool {
        let thinks = variables["enable_thinking"] ?? .null
        guard !messages.serialized().contains("/no_think"), thinks == .null || thinks.bool != nil else {
            return false
        }
        return (messages.array ?? []).allSatisfy { message in
            ["system", "user", "assistant", "tool"].contains(message["role"]) && message["content"]?.string != nil
        }
    }

    /// The recorded chats: the ids are those of transformers' text. Only control tokens inside of contents differ.
    @Test(arguments: TemplatedText.official) func recordedChatsHaveTheSameTokens(name: String) throws {
        let text = try text(name)
        let folder = try #require(Fixtures.golden).appending(path: "chat-template")
        var checked = 0
        for record in try Fixtures.lines(folder.appending(path: "chat.jsonl")) {
            guard record["template"] == .string(name), record["tools"] == .null,
                let expected = record["text"]?.string, let messages = record["messages"],
                var variables = record["kwargs"]?.object
            else { continue }
            let adds = variables["add_generation_prompt"] ?? false
            variables["add_generation_prompt"] = nil
            guard Self.isReadTheSame(messages, variables) else { continue }
            for tokens in ControlTokens.allCases {
                let isMarked = (messages.array ?? []).contains { message in
                    let ids = text.tokenizer.encode(message["content"]?.string ?? "")
                    return message["role"] != "system" && ids.contains { $0 >= 635 }
                }
                guard tokens == .transformers || !isMarked else { continue }
                let ids = try TemplatedText.preparer(text, tokens).prompt(
                    messages, ("add_generation_prompt", adds), ("chat_template_kwargs", .object(variables)))
                #expect(ids == text.tokenizer.encode(expected), "\(record["name"]?.string ?? "")")
                checked += 1
            }
        }
        #expect(checked >= 50)
    }
}
