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

    package init(_ lease: JobLease, _ verdict: ContentVerdict) {
        key = Key(lease: lease, rule: verdict.rule.id, side: verdict.side.rawValue)
        action = verdict.rule.action
        if case .unknown(let reason) = verdict.finding { fault = reason }
    }
}

/// Rules about texts of requests and answers.
extension JobStore {
    /// Rules in force, in the order of their ids.
    package func contentRules() async throws(QueueError) -> [ContentRule] {
        let result = try await query(
            """
            SELECT id, name, tenant, side, pattern, action, on_fault FROM moed.policy WHERE enabled ORDER BY id
            """)
        return try await decode(result) { row throws(DatabaseError) in
            let side = try row.value("side", as: String.self)
            let sides: Set<ContentRule.Side> = ContentRule.Side(rawValue: side).map { [$0] } ?? [.input, .output]
            return ContentRule(
                id: try row.value("id"), name: try row.value("name"), tenant: try row.optional("tenant"), sides: sides,
                pattern: try row.value("pattern"),
                action: ContentRule.Action(rawValue: try row.value("action")) ?? .fail,
                failsOpen: try row.value("on_fault", as: String.self) == "pass")
        }
    }

    /// Writes verdicts; a row that exists is left as it is.
    package func record(_ verdicts: [RecordedVerdict]) async throws(QueueError) {
        _ = try await query(
            """
            INSERT INTO moed.policy_verdict (job_id, lease_token, policy_id, side, action, fault)
            SELECT * FROM unnest(\(SQLArray(verdicts.map(\.key.lease.job.rawValue))),
              \(SQLArray(verdicts.map(\.key.lease.token))), \(SQLArray(verdicts.map(\.key.rule))),
              \(SQLArray(verdicts.map(\.key.side))), \(SQLArray(verdicts.map(\.action.rawValue))),
              \(SQLArray(verdicts.map { $0.fault?.withoutNUL })))
            ON CONFLICT DO NOTHING
            """)
    }
}
