import Foundation
import MoedCore
import MoedText
import Synchronization
import TestSupport
import Testing

@testable import MoedPreparation

/// Templates that leave a message out of the prompt: the job fails and names the message.
struct MessageProbeTests {
    private func prompt(_ template: String, _ messages: JSONValue) throws -> [TokenID] {
        try TemplatedText.preparer(TemplatedText.text(template: template)).prompt(messages)
    }

    private static let all: JSONValue = [
        ["role": "system", "content": "s"], ["role": "user", "content": "u"],
        [
            "role": "assistant", "content": "a",
            "tool_calls": [["function": ["name": "f", "arguments": ["x": "y"]]]],
        ],
        ["role": "tool", "content": "t"],
    ]

    /// Each reading of the clock is half a second later; the template takes three of its four.
    @Test func bothRenderingsShareTheTime() throws {
        let text = try TemplatedText.text(
            template: "{% for i in range(400) %}{% set x = i + 1 %}{% endfor %}{{ messages[0].content }}")
        let readings = Clock()
        var limits = TemplateLimits()
        limits.clock = { readings.next() }
        let renderer = PromptRenderer(
            text: text, controlTokens: .text, template: limits, encoding: EncodingLimits())
        #expect(try !renderer.tokens([["role": "user", "content": "u"]], tools: [], variables: JSONObject()).isEmpty)
        #expect(readings.count * 500 <= 3500, "\(readings.count) readings")
    }

    private final class Clock: Sendable {
        private let readings = Mutex(0)

        var count: Int { readings.withLock { $0 } }

        func next() -> Duration {
            readings.withLock { count in
                count += 1
                return .milliseconds(500 * count)
            }
        }
    }

    /// Template, and the content that it drops.
    @Test(arguments: [
        ("{% for m in messages if m.role != 'tool' %}{{ m.content }}{{ m.tool_calls }}{% endfor %}", "messages[3].content"),
        ("{% for m in messages %}{{ m.content }}{% endfor %}", "messages[2].tool_calls[0]"),
        ("{% for m in messages[1:] %}{{ m.content }}{{ m.tool_calls }}{% endfor %}", "messages[0].content"),
        ("{{ messages[-1].content }}", "messages[0].content"),
        (
            "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}{% endfor %}",
            "messages[2].tool_calls[0].arguments"
        ),
        // The system message counts at the beginning only.
        ("{% for m in messages %}{% if m.content != 'u' and not m.content.isdigit() %}{% endif %}{% endfor %}x", "messages[0].content"),
    ])
    func aDroppedMessageFailsTheJob(template: String, name: String) throws {
        let error = #expect(throws: RequestError.self) { try prompt(template, Self.all) }
        #expect(error?.code == .templateFailed && error?.param == name)
        #expect(error?.message.contains("out of the prompt") == true)
    }

    @Test(arguments: [
        "{% for m in messages %}{{ m.role }}{{ m.content | upper | trim }}{{ m.tool_calls | tojson if m.tool_calls else '' }}{% endfor %}",
        "{{ messages }}",
        "{{ messages | tojson(indent=2) }}",
        "{% for m in messages | reverse %}{{ m }}{% endfor %}",
    ])
    func printedMessagesPass(template: String) throws {
        #expect(try !prompt(template, Self.all).isEmpty)
    }

    /// A template that demands certain contents: its prompt itself is searched.
    @Test func demandsOnContentsAreMet() throws {
        let template = """
            {%- for m in messages %}{% if m.content not in ['question', 'result', 'x'] %}{{ raise_exception('no') }}{% endif %}
            {{- m.content }}{% endfor %}
            """
        let messages: JSONValue = [["role": "user", "content": "question"], ["role": "tool", "content": "result"]]
        #expect(try !prompt(template, messages).isEmpty)
        let dropping = template.replacing("messages %}", with: "messages[:1] %}")
        let error = #expect(throws: RequestError.self) { try prompt(dropping, messages) }
        #expect(error?.param == "messages[1].content")
    }

    /// Thoughts of earlier turns are dropped on purpose, and an empty content is nothing to lose.
    @Test func oldThoughtsAndEmptyContentsMayGo() throws {
        let preparer = TemplatedText.preparer(try TextSide(directory: Fixtures.sampleModel.path))
        let ids = try preparer.prompt([
            ["role": "system", "content": ""], ["role": "user", "content": "a"],
            ["role": "assistant", "content": "<think>\nx\n</think>\n\n"],
            ["role": "assistant", "content": "<think>x</think>b"], ["role": "user", "content": "c"],
        ])
        #expect(!preparer.text.tokenizer.decode(ids).contains("x"))
    }

    @Test func thousandsOfMessagesAreChecked() throws {
        let turn: [JSONValue] = [["role": "user", "content": "1"], ["role": "assistant", "content": "2"]]
        let messages = JSONValue.array((0..<150).flatMap { _ in turn })
        let preparer = TemplatedText.preparer(try TextSide(directory: Fixtures.sampleModel.path))
        #expect(try preparer.prompt(messages).count > 1500)
    }
}
