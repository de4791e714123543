import MoedAutomata
package import MoedCore
import Synchronization

/// Asks rules about texts. Their regular expressions are automata: each byte of a text is read once, whatever the text.
package final class ContentJudge: Sendable {
    /// Automata that are kept.
    private static let patternsMax = 200
    /// Characters of a pattern in a remark.
    private static let shownMax = 100

    private struct State {
        var automata: [String: Result<DFA, GrammarError>] = [:]
        /// Patterns in the order of their last use.
        var recent: [String] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Verdicts of the rules that hold for a tenant and hit one of the texts or cannot be asked.
    package func verdicts(
        of rules: [ContentRule], for tenant: String, on side: ContentRule.Side, _ texts: [String]
    ) -> [ContentVerdict] {
        rules.compactMap { rule in
            guard rule.sides.contains(side), rule.tenant == nil || rule.tenant == tenant else { return nil }
            switch automaton(rule.pattern) {
            case .success(let automaton):
                return texts.contains { automaton.accepts($0) } ? ContentVerdict(rule, side, .hit) : nil
            case .failure(let error): return ContentVerdict(rule, side, .unknown("\(error)"))
            }
        }
    }

    /// What is wrong with a rule, and what follows for texts; nil when it can be asked.
    package func remark(on rule: ContentRule) -> String? {
        guard case .failure(let error) = automaton(rule.pattern) else { return nil }
        let follows = rule.failsOpen ? "it lets all texts pass (on_fault)" : "each text counts as a hit (on_fault)"
        let shown = rule.pattern.unicodeScalars.prefix(Self.shownMax)
        let pattern = "\(String(shown))\(shown.endIndex < rule.pattern.unicodeScalars.endIndex ? "…" : "")"
        return "the policy “\(rule.name)” cannot be asked: its pattern “\(pattern)” is refused (\(error)); \(follows)"
    }

    private func automaton(_ pattern: String) -> Result<DFA, GrammarError> {
        let known: Result<DFA, GrammarError>? = state.withLock { state in
            guard let known = state.automata[pattern] else { return nil }
            state.recent.removeAll { $0 == pattern }
            state.recent.append(pattern)
            return known
        }
        if let known { return known }
        let made = CompileMeter.$current.withValue(CompileMeter()) {
            Result { () throws(GrammarError) in
                try DFABuilder.build(try RegexParser.parse(pattern), searches: true)
            }
        }
        state.withLock { state in
            state.automata[pattern] = made
            state.recent.removeAll { $0 == pattern }
            state.recent.append(pattern)
            if state.recent.count > Self.patternsMax { state.automata[state.recent.removeFirst()] = nil }
        }
        return made
    }
}
