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

    package enum Condition: Sendable, Equatable {
        /// Regular expression that is searched in each text.
        case pattern(String)
        /// Findings of a moderation endpoint.
        case moderation(Moderation)
    }

    /// The findings of a moderation endpoint that count for a rule.
    package struct Moderation: Sendable, Equatable {
        /// Model at the endpoint; nil is that of the configuration.
        package var model: String?
        /// Categories that count; empty for all.
        package var categories: Set<String>
        /// Score from which a category counts; nil leaves that to the endpoint.
        package var threshold: Double?

        package init(model: String? = nil, categories: Set<String> = [], threshold: Double? = nil) {
            self.model = model
            self.categories = categories
            self.threshold = threshold
        }
    }

    package var id: Int64
    package var name: String
    /// Name of the tenant that it holds for; nil for all.
    package var tenant: String?
    package var sides: Set<Side>
    package var condition: Condition
    package var action: Action
    /// True when a rule that cannot be asked lets texts pass.
    package var failsOpen: Bool

    /// True when the rule is about texts of a tenant on a side.
    package func concerns(_ tenant: String, _ side: Side) -> Bool {
        sides.contains(side) && (self.tenant == nil || self.tenant == tenant)
    }

    package init(
        id: Int64, name: String, tenant: String? = nil, sides: Set<Side>, _ condition: Condition, action: Action,
        failsOpen: Bool = false
    ) {
        self.id = id
        self.name = name
        self.tenant = tenant
        self.sides = sides
        self.condition = condition
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

    /// Categories that a moderation endpoint found.
    package var categories: [String] = []

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

    /// The refusal of a request that follows; nil when it may run.
    package var refusal: RequestError? {
        guard let decisive else { return nil }
        var error = RequestError(.contentPolicy, decisive.reason)
        error.verdicts = self
        return error
    }
}
