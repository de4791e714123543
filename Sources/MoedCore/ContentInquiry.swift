/// Texts that services elsewhere are asked about: those of one request, or of one choice of an answer.
package struct ContentInquiry: Sendable, Equatable {
    /// Rules of kinds that need a service.
    package var rules: [ContentRule]
    package var side: ContentRule.Side
    package var texts: [String]

    /// - Returns: nil when no rule needs a service, or there is no text.
    package init?(of rules: [ContentRule], for tenant: String, on side: ContentRule.Side, _ texts: [String]) {
        self.rules = rules.filter { rule in
            if case .pattern = rule.condition { return false }
            return rule.concerns(tenant, side)
        }
        self.side = side
        self.texts = texts.filter { !$0.isEmpty }
        if self.rules.isEmpty || self.texts.isEmpty { return nil }
    }
}

/// Asks services elsewhere about texts.
package protocol ContentInquirer: Sendable {
    /// Reason why a rule can never be asked; nil when it can.
    func fault(of rule: ContentRule) -> String?

    /// True while the service does not answer. Jobs whose rules need it should not start.
    var isDown: Bool { get }

    /// Verdicts of the rules that hit or cannot be asked. It ends within the service's limits of time.
    func verdicts(on inquiry: ContentInquiry) async -> [ContentVerdict]
}

/// Answers for a worker without services: no rule can be asked.
package struct NoInquirer: ContentInquirer {
    package static let reason = "the configuration of this worker has no moderation.url"

    package init() {}

    package func fault(of rule: ContentRule) -> String? { Self.reason }

    package var isDown: Bool { false }

    package func verdicts(on inquiry: ContentInquiry) async -> [ContentVerdict] {
        inquiry.rules.map { ContentVerdict($0, inquiry.side, .unknown(Self.reason)) }
    }
}
