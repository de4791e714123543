import MoedAutomata
package import MoedCore
import Synchronization

/// Asks rules with patterns about texts. Regular expressions are automata: each byte of a text is read once.
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

    /// Verdicts of the rules with patterns that hold for a tenant and hit one of the texts or cannot be asked.
    package func verdicts(
        of rules: [ContentRule], for tenant: String, on side: ContentRule.Side, _ texts: [String]
    ) -> [ContentVerdict] {
        rules.compactMap { rule in
            guard rule.concerns(tenant, side), case .pattern(let pattern) = rule.condition else { return nil }
            switch automaton(pattern) {
            case .success(let automaton):
                return texts.contains { automaton.accepts($0) } ? ContentVerdict(rule, side, .hit) : nil
            case .failure(let error): return ContentVerdict(rule, side, .unknown("\(error)"))
            }
        }
    }

    /// The fault of a rule and its consequence for texts, in words; nil when it can be asked.
    ///
    /// - Parameter inquirer: asks rules that have no pattern.
    package func remark(on rule: ContentRule, _ inquirer: any ContentInquirer = NoInquirer()) -> String? {
        let reason: String? =
            if case .pattern(let pattern) = rule.condition { fault(of: pattern) } else { inquirer.fault(of: rule) }
        return reason.map { Self.remark(on: rule, $0) }
    }

    /// The same for a known reason.
    package static func remark(on rule: ContentRule, _ reason: String) -> String {
        let follows = rule.failsOpen ? "it lets all texts pass (on_fault)" : "each text counts as a hit (on_fault)"
        return "the policy “\(rule.name)” cannot be asked: \(reason); \(follows)"
    }

    private func fault(of pattern: String) -> String? {
        guard case .failure(let error) = automaton(pattern) else { return nil }
        let shown = pattern.unicodeScalars.prefix(Self.shownMax)
        let dots = shown.endIndex < pattern.unicodeScalars.endIndex ? "…" : ""
        return "its pattern “\(String(shown))\(dots)” is refused (\(error))"
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
