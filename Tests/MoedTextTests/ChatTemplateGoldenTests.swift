import Foundation
import MoedCore
import MoedText
import TestSupport
import Testing

/// The conversations of the golden data: rendered byte for byte as Jinja2 renders them.
struct ChatTemplateGoldenTests {
    private static let templates = ["hybrid", "hybrid-original", "instruct-2507", "thinking-2507"]

    @Test(
        .enabled(if: Fixtures.golden != nil, Comment(rawValue: Fixtures.goldenMissing)), arguments: templates)
    func everyCaseIsRenderedAsRecorded(name: String) throws {
        let folder = try #require(Fixtures.golden).appending(path: "chat-template")
        let source = try String(contentsOf: folder.appending(path: "\(name).jinja"), encoding: .utf8)
        let template = try ChatTemplate(source: source, file: name)
        let lines = try String(contentsOf: folder.appending(path: "chat.jsonl"), encoding: .utf8)
        var cases = 0
        for line in lines.split(separator: "\n") {
            let record = try JSONValue(parsing: String(line))
            guard record["template"] == .string(name) else { continue }
            cases += 1
            try Self.expectRecorded(record, template)
        }
        #expect(cases >= 56)
    }

    /// The sample model's template on our own chats.
    @Test func everyCaseOfOurOwnIsRenderedAsRecorded() throws {
        let template = try #require(try Self.sampleTemplate())
        let cases = try Fixtures.lines(Fixtures.ownGolden.appending(path: "chat-template/chat.jsonl"))
        for record in cases { try Self.expectRecorded(record, template) }
        #expect(cases.count == 108)
        // A chat without messages.
        #expect(cases.filter { $0["text"]?.string == nil }.count == 9)
    }

    /// Qwen3 prints the same, except for the words about tools.
    @Test(.enabled(if: Fixtures.golden != nil, Comment(rawValue: Fixtures.goldenMissing)))
    func theSampleModelsTemplateBehavesAsQwen3s() throws {
        let template = try #require(try Self.sampleTemplate())
        let folder = try #require(Fixtures.golden).appending(path: "chat-template")
        let cases = try Fixtures.lines(folder.appending(path: "chat.jsonl")).filter {
            $0["template"] == "hybrid" && $0["tools"] == .null
        }
        #expect(cases.count >= 60)
        for record in cases { try Self.expectRecorded(record, template) }
    }

    @Test func theSampleModelsConfigurationHoldsTheTemplate() throws {
        let text = try #require(try Self.sampleTemplate()).render(
            messages: [["role": "user", "content": "hi"]], tools: nil,
            variables: JSONObject([("add_generation_prompt", true)]))
        #expect(text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
    }

    private static func sampleTemplate() throws -> ChatTemplate? {
        try ChatTemplate.load(
            tokenizerConfigJSON: Fixtures.bytes(
                Fixtures.sampleModel.appending(path: "tokenizer_config.json")),
            chatTemplateFile: nil, file: "tokenizer_config.json")
    }

    private static func expectRecorded(_ record: JSONValue, _ template: ChatTemplate) throws {
        let messages = try #require(record["messages"])
        let variables = try #require(record["kwargs"]?.object)
        let label = Comment(rawValue: record["name"]?.string ?? "")
        let tools = record["tools"] == .null ? nil : record["tools"]
        let render = { () throws(TextError) in
            try template.render(messages: messages, tools: tools, variables: variables)
        }
        if let expected = record["text"]?.string {
            let text = try render()
            #expect(text.utf8.elementsEqual(expected.utf8), label)
        } else {
            #expect(throws: TextError.self, label) { try render() }
        }
    }

    @Test(
        .enabled(if: Fixtures.golden != nil, Comment(rawValue: Fixtures.goldenMissing)),
        arguments: ["hybrid", "instruct-2507", "thinking-2507"])
    func checkpointsConfigurationsHoldTheTemplates(name: String) throws {
        let folder = try #require(Fixtures.golden).appending(path: "chat-template")
        let config = try Data(contentsOf: folder.appending(path: "\(name).tokenizer_config.json"))
        let template = try #require(
            try ChatTemplate.load(
                tokenizerConfigJSON: Array(config), chatTemplateFile: nil, file: "tokenizer_config.json"))
        let text = try template.render(
            messages: [["role": "user", "content": "hi"]], tools: nil,
            variables: JSONObject([("add_generation_prompt", true)]))
        let end = name == "thinking-2507" ? "<|im_start|>assistant\n<think>\n" : "<|im_start|>assistant\n"
        #expect(text == "<|im_start|>user\nhi<|im_end|>\n" + end)
    }
}
