/// A rule of `moed.policy`: a condition on texts of requests or answers, and what follows from a hit.
package struct ContentRule: Sendable, Equatable {
    package enum Side: String, Sendable {
        /// Texts that a request brings to the model.
        case input
        /// Texts that the model answers.
        case output
    }

    package enum Action: String, Sendable {
        /// The job fails with `content_policy`.
        case fail
        /// The answer is withheld: it is empty and has the finish reason `content_filter`.
        case withhold
    }

    package var id: Int64
    package var name: String
    /// Name of the tenant that it holds for; nil for all.
    package var tenant: String?
    package var sides: Set<Side>
    /// Regular expression that is searched in each text.
    package var pattern: String
    package var action: Action
    /// True when a rule that cannot be asked lets texts pass.
    package var failsOpen: Bool

    package init(
        id: Int64, name: String, tenant: String? = nil, sides: Set<Side>, pattern: String, action: Action,
        failsOpen: Bool = false
    ) {
        self.id = id
        self.name = name
        self.tenant = tenant
        self.sides = sides
        self.pattern = pattern
        self.action = action
        self.failsOpen = failsOpen
    }
}

/// The finding of a rule about a request or an answer.
package struct ContentVerdict: Sendable, Equatable {
    package enum Finding: Sendable, Equatable {
        /// Its condition holds.
        case hit
        /// It cannot be asked, for this reason.
        case unknown(String)
    }

    package var rule: ContentRule
    package var side: ContentRule.Side
    package var finding: Finding

    package init(_ rule: ContentRule, _ side: ContentRule.Side, _ finding: Finding) {
        self.rule = rule
        self.side = side
        self.finding = finding
    }

    /// True when the action follows.
    package var acts: Bool { finding == .hit || !rule.failsOpen }

    /// Reason for the action, for the job's owner. It tells neither the condition nor the text.
    package var reason: String {
        let text = side == .input ? "the request" : "the answer"
        return switch finding {
        case .hit: "the policy “\(rule.name)” does not allow \(text)"
        case .unknown: "the policy “\(rule.name)” could not be asked about \(text)"
        }
    }
}

extension [ContentVerdict] {
    /// The verdict that decides: one that fails the job, else one that withholds the answer; nil when the text passes.
    package var decisive: ContentVerdict? {
        let acting = filter(\.acts)
        return acting.first { $0.rule.action == .fail } ?? acting.first
    }
}
