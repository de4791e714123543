package import MoedCore
import MoedPostgres

/// A verdict of a rule about a job's attempt, to be written.
package struct RecordedVerdict: Sendable, Equatable {
    package struct Key: Hashable, Sendable {
        package var lease: JobLease
        package var rule: Int64
        package var side: String
    }

    package var key: Key
    package var action: ContentRule.Action
    /// Reason why the rule could not be asked; nil for a hit.
    package var fault: String?
    /// Categories that a moderation endpoint found.
    package var categories: [String]

    package init(_ lease: JobLease, _ verdict: ContentVerdict) {
        key = Key(lease: lease, rule: verdict.rule.id, side: verdict.side.rawValue)
        action = verdict.rule.action
        categories = verdict.categories
        if case .unknown(let reason) = verdict.finding { fault = reason }
    }
}

extension RecordedVerdict {
    /// Categories a line; nil for none.
    fileprivate var categoryLines: String? {
        categories.isEmpty
            ? nil : categories.map { $0.withoutNUL.replacing("\n", with: " ") }.joined(separator: "\n")
    }
}

/// Rules about texts of requests and answers.
extension JobStore {
    /// Rules in force, in the order of their ids.
    package func contentRules() async throws(QueueError) -> [ContentRule] {
        let result = try await query(
            """
            SELECT id, name, tenant, side, kind, pattern, model, array_to_string(categories, E'\\n') AS categories,
                   threshold, action, on_fault
              FROM moed.policy WHERE enabled ORDER BY id
            """)
        return try await decode(result) { row throws(DatabaseError) in
            let side = try row.value("side", as: String.self)
            let sides: Set<ContentRule.Side> = ContentRule.Side(rawValue: side).map { [$0] } ?? [.input, .output]
            return ContentRule(
                id: try row.value("id"), name: try row.value("name"), tenant: try row.optional("tenant"), sides: sides,
                try Self.condition(row),
                action: ContentRule.Action(rawValue: try row.value("action")) ?? .fail,
                failsOpen: try row.value("on_fault", as: String.self) == "pass")
        }
    }

    private static func condition(_ row: Row) throws(DatabaseError) -> ContentRule.Condition {
        guard try row.value("kind", as: String.self) != "pattern" else {
            return .pattern(try row.value("pattern"))
        }
        let categories: String? = try row.optional("categories")
        return .moderation(
            ContentRule.Moderation(
                model: try row.optional("model"),
                categories: Set((categories ?? "").split(separator: "\n").map(String.init)),
                threshold: try row.optional("threshold")))
    }

    /// Writes verdicts; a row that exists is left as it is.
    package func record(_ verdicts: [RecordedVerdict]) async throws(QueueError) {
        _ = try await query(
            """
            INSERT INTO moed.policy_verdict (job_id, lease_token, policy_id, side, action, fault, categories)
            SELECT v.job, v.token, v.policy, v.side, v.action, v.fault, string_to_array(v.categories, E'\\n')
              FROM unnest(\(SQLArray(verdicts.map(\.key.lease.job.rawValue))),
              \(SQLArray(verdicts.map(\.key.lease.token))), \(SQLArray(verdicts.map(\.key.rule))),
              \(SQLArray(verdicts.map(\.key.side))), \(SQLArray(verdicts.map(\.action.rawValue))),
              \(SQLArray(verdicts.map { $0.fault?.withoutNUL })), \(SQLArray(verdicts.map(\.categoryLines))))
              AS v(job, token, policy, side, action, fault, categories)
            ON CONFLICT DO NOTHING
            """)
    }
}
