import MoedAutomata
package import MoedCore
import Synchronization

/// Asks rules about texts. Their regular expressions are automata: each byte of a text is read once, whatever the text.
package final class ContentJudge: Sendable {
    /// Automata that are kept.
    private static let patternsMax = 200

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

    private func automaton(_ pattern: String) -> Result<DFA, GrammarError> {
        let known: Result<DFA, GrammarError>? = state.withLock { state in
            guard let known = state.automata[pattern] else { return nil }
            state.recent.removeAll { $0 == pattern }
            state.recent.append(pattern)
            return known
        }
        if let known { return known }
        let made = Result { () throws(GrammarError) in
            try DFABuilder.build(try RegexParser.parse(pattern), searches: true)
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
