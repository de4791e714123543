package import MoedCore

/// Result of a moderation endpoint for one text.
package struct ModerationFinding: Sendable, Equatable {
    package var isFlagged: Bool
    /// Categories, each with its word whether it applies.
    package var categories: [String: Bool]
    package var scores: [String: Double]

    package init(isFlagged: Bool, categories: [String: Bool], scores: [String: Double] = [:]) {
        self.isFlagged = isFlagged
        self.categories = categories
        self.scores = scores
    }
}

/// Reason why an answer of a moderation endpoint says nothing.
package struct ModerationFault: Error, Sendable, Equatable {
    package var reason: String
    /// True when the same request may succeed later.
    package var mayPass: Bool

    package init(_ reason: String, mayPass: Bool = false) {
        self.reason = reason
        self.mayPass = mayPass
    }
}

extension ModerationFinding {
    /// Body of a request about texts.
    package static func body(_ texts: [String], model: String?) -> [UInt8] {
        var members: [(String, JSONValue)] = [("input", .array(texts.map { .string($0) }))]
        if let model { members.append(("model", .string(model))) }
        return Array(JSONValue.object(JSONObject(members)).serialized().utf8)
    }

    /// Reads the body of an answer: a finding for each text, in their order.
    package static func read(_ bytes: [UInt8], count: Int) throws(ModerationFault) -> [ModerationFinding] {
        guard let value = try? JSONValue(parsing: bytes), let results = value["results"]?.array else {
            throw ModerationFault("its answer has no results")
        }
        guard results.count == count else {
            throw ModerationFault("its answer has \(results.count) results for \(count) texts")
        }
        return try results.map { result throws(ModerationFault) in
            guard let flagged = result["flagged"]?.bool else {
                throw ModerationFault("a result of its answer has no flagged")
            }
            var finding = ModerationFinding(isFlagged: flagged, categories: [:])
            for member in result["categories"]?.object?.members ?? [] {
                if let applies = member.value.bool { finding.categories[member.key] = applies }
            }
            for member in result["category_scores"]?.object?.members ?? [] {
                if let score = member.value.number { finding.scores[member.key] = score }
            }
            return finding
        }
    }
}

extension ContentRule.Moderation {
    /// Categories of a finding that count for the rule; nil for no hit.
    package func hit(_ finding: ModerationFinding) throws(ModerationFault) -> Set<String>? {
        let known = Set(threshold == nil ? finding.categories.keys.map { $0 } : finding.scores.keys.map { $0 })
        // A category with another name would never be found.
        if let missing = categories.subtracting(known).min() {
            throw ModerationFault("its answer has no \(threshold == nil ? "category" : "score of") “\(missing)”")
        }
        if let threshold {
            guard !finding.scores.isEmpty else { throw ModerationFault("its answer has no category_scores") }
            let found = finding.scores.filter { $0.value >= threshold && counts($0.key) }
            return found.isEmpty ? nil : Set(found.keys)
        }
        let found = Set(finding.categories.filter { $0.value && counts($0.key) }.keys)
        if categories.isEmpty { return finding.isFlagged ? found : nil }
        return found.isEmpty ? nil : found
    }

    private func counts(_ category: String) -> Bool { categories.isEmpty || categories.contains(category) }
}
