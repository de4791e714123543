import MoedCore
import MoedPolicy
import Testing

/// Rules about texts, as values.
struct ContentJudgeTests {
    private static func rule(
        _ id: Int64, _ pattern: String, tenant: String? = nil, sides: Set<ContentRule.Side> = [.input, .output],
        _ action: ContentRule.Action = .fail, failsOpen: Bool = false
    ) -> ContentRule {
        ContentRule(
            id: id, name: "r\(id)", tenant: tenant, sides: sides, .pattern(pattern), action: action,
            failsOpen: failsOpen)
    }

    private let judge = ContentJudge()

    private func hits(_ rules: [ContentRule], _ texts: [String], _ side: ContentRule.Side = .input) -> [Int64] {
        judge.verdicts(of: rules, for: "a", on: side, texts).filter(\.acts).map(\.rule.id)
    }

    @Test(
        arguments: [
            ("(?i)blue heron", "The Blue HERON project", true), ("blue", "The bluest", true),
            ("^blue", "The blue", false), ("[0-9]{4}( ?[0-9]{4}){3}", "card 1234 5678 90123456.", true),
            ("[0-9]{4}( ?[0-9]{4}){3}", "card 1234 5678 9012.", false), ("naïve$", "très naïve", true),
            ("a.c", "a\nc", false), ("(a|b)*c", "", false), ("", "anything", true),
        ]) func patternsAreSearched(_ pattern: String, _ text: String, _ isHit: Bool) {
        #expect(hits([Self.rule(1, pattern)], ["harmless 7", text]) == (isHit ? [1] : []))
    }

    @Test func rulesHoldForTheirTenantAndSide() {
        let rules = [
            Self.rule(1, "x", tenant: "a"), Self.rule(2, "x", tenant: "b"), Self.rule(3, "x", sides: [.output]),
            Self.rule(4, "x", sides: [.input]),
        ]
        #expect(hits(rules, ["x"]) == [1, 4])
        #expect(hits(rules, ["x"], .output) == [1, 3])
    }

    @Test func aRuleThatCannotBeAskedActsUnlessItIsOpen() {
        let rules = [Self.rule(1, "(a"), Self.rule(2, "(a)\\1", failsOpen: true)]
        let verdicts = judge.verdicts(of: rules, for: "a", on: .input, ["text"])
        #expect(verdicts.map(\.acts) == [true, false])
        #expect(verdicts.allSatisfy { $0.finding != .hit })
        #expect(verdicts.decisive?.reason == "the policy “r1” could not be asked about the request")
    }

    /// A remark names the rule, its pattern and the reason, and says what a worker does.
    @Test func aRuleThatCannotBeAskedHasARemark() {
        #expect(
            judge.remark(on: Self.rule(1, "(a"))
                == "the policy “r1” cannot be asked: its pattern “(a” is refused (regular expression: missing ')' "
                + "(character 3)); each text counts as a hit (on_fault)")
        let long = judge.remark(on: Self.rule(2, String(repeating: "ü", count: 200) + "(", failsOpen: true)) ?? ""
        #expect(long.contains("“\(String(repeating: "ü", count: 100))…” is refused"))
        #expect(long.hasSuffix("it lets all texts pass (on_fault)"))
        #expect(judge.remark(on: Self.rule(3, "a|b")) == nil)
        let asking = ContentRule(id: 4, name: "r4", sides: [.output], .moderation(.init()), action: .fail)
        #expect(judge.remark(on: asking)?.contains("the configuration of this worker has no moderation.url") == true)
    }

    @Test func aFailureDecidesBeforeAWithheldAnswer() {
        let rules = [Self.rule(1, "a", .withhold), Self.rule(2, "b", .fail), Self.rule(3, "c", .fail)]
        let verdicts = judge.verdicts(of: rules, for: "a", on: .output, ["ab"])
        #expect(verdicts.map(\.rule.id) == [1, 2] && verdicts.decisive?.rule.id == 2)
        #expect([ContentVerdict]().decisive == nil)
    }

    /// Backtracking would take longer than the universe is old.
    @Test func noTextMakesAPatternSlow() {
        let text = String(repeating: "a", count: 50_000)
        #expect(hits([Self.rule(1, "(a*)*b"), Self.rule(2, "(a|aa)+$")], [text]) == [2])
    }

    @Test func requestsAreReadWhole() throws {
        let request = try GenerationRequest(
            body: try JSONValue(
                parsing: """
                    {"messages": [{"role": "user", "content": [{"type": "text", "text": "first"}]},
                      {"role": "assistant", "content": "", "tool_calls": [{"id": "call_1", "type": "function",
                       "function": {"name": "f", "arguments": "{\\"secret\\": 1}"}}]},
                      {"role": "tool", "tool_call_id": "call_1", "content": "third"}],
                     "tools": [{"type": "function", "function": {"name": "f", "description": "lists birds",
                       "parameters": {"type": "object", "properties": {"heron": {"type": "string"}}}}}],
                     "chat_template_kwargs": {"style": "fourth"}}
                    """))
        let texts = JudgedTexts.input(of: request) { _ in "" }
        for text in ["first", "secret", "1", "third", "lists birds", "heron", "fourth", "style"] {
            #expect(texts.contains(text), "\(text)")
        }
        for mark in ["user", "content", "call_1", "function", "text"] { #expect(!texts.contains(mark), "\(mark)") }
        let ids = try GenerationRequest(body: ["prompt_ids": [1, 2]])
        #expect(JudgedTexts.input(of: ids) { "\($0.count) tokens" }.contains("2 tokens"))
    }
}
