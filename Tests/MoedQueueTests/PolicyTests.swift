import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Rules of `moed.policy` and their verdicts in the database.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct PolicyTests {
    @Test func rulesAreReadAndVerdictsCounted() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script: """
                INSERT INTO moed.policy (name, tenant, side, pattern, action, on_fault) VALUES
                  ('first', NULL, 'both', 'a+', 'withhold', 'act'), ('second', 'x', 'input', 'b', 'fail', 'pass');
                INSERT INTO moed.policy (name, pattern, enabled) VALUES ('third', 'c', false)
                """)
        let rules = try await queue.store.contentRules()
        let ids = rules.map(\.id)
        #expect(
            rules == [
                ContentRule(
                    id: ids[0], name: "first", sides: [.input, .output], .pattern("a+"), action: .withhold),
                ContentRule(
                    id: ids[1], name: "second", tenant: "x", sides: [.input], .pattern("b"), action: .fail,
                    failsOpen: true),
            ])
        let lease = JobLease(job: JobID(1), token: 2)
        let verdicts = [
            RecordedVerdict(lease, ContentVerdict(rules[0], .input, .hit)),
            RecordedVerdict(lease, ContentVerdict(rules[0], .output, .hit)),
            RecordedVerdict(lease, ContentVerdict(rules[1], .input, .unknown("no \0 regex"))),
        ]
        try await queue.store.record(verdicts)
        // The answer may have been lost.
        try await queue.store.record(verdicts)
        let counted = try await queue.database.query(
            "SELECT string_agg(name || ' ' || hits || ' ' || faults, ', ' ORDER BY id) AS value FROM moed.policies"
        ).first?.value("value", as: String.self)
        #expect(counted == "first 2 0, second 0 1, third 0 0")
        await queue.close()
    }

    /// A job that a rule ends before it runs has an answer without a token.
    @Test func aWithheldAnswerIsStored() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(1)
        let backlog = try await queue.store.backlog(models: ["default"])
        let claimed = try await queue.store.claim(
            worker, try #require(backlog.first), limit: 1, room: RequestRoom(bodyMax: 1 << 20, bytes: 1 << 20),
            maxWait: nil, computedBy: nil)
        let lease = try #require(claimed.first).lease
        var completion = JobCompletion(
            lease: lease, content: "", reasoning: nil, finishReason: .contentFilter, body: "{}", seed: 0, usage: Usage())
        completion.isEmpty = false
        #expect(try await queue.store.complete([completion]) == [.committed])
        let stored = try await queue.database.query(
            """
            SELECT state || ' ' || finish_reason || ' ' || total_tokens AS value FROM moed.jobs
             WHERE id = \(lease.job.rawValue)
            """
        ).first?.value("value", as: String.self)
        #expect(stored == "succeeded content_filter 0")
        await queue.close()
    }
}

/// Rights to set and see rules.
@Suite(.serialized, .enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct PolicyRightsTests {
    @Test func operatorsSetRulesAndClientsDoNotSeeThem() async throws {
        let house = try await RolesHouse()
        let insert = "INSERT INTO moed.policy (name, pattern) VALUES ('n', 'x')"
        #expect(try await house.refusal("olga", insert) == nil)
        #expect(try await house.refusal("olga", "UPDATE moed.policy SET enabled = false") == nil)
        #expect(try await house.refusal("olga", "DELETE FROM moed.policy") == RolesHouse.denied)
        #expect(try await house.refusal("rita", "SELECT * FROM moed.policies") == nil)
        #expect(try await house.refusal("daemon", "SELECT pattern FROM moed.policy") == nil)
        #expect(
            try await house.refusal(
                "daemon",
                "INSERT INTO moed.policy_verdict (job_id, lease_token, policy_id, side, action) VALUES (1, 1, 1, 'input', 'fail')")
                == nil)
        for name in ["alice", "homeless", "rita", "daemon"] {
            #expect(try await house.refusal(name, insert) == RolesHouse.denied, "\(name)")
        }
        for table in ["policy", "policy_verdict", "policies"] {
            #expect(try await house.refusal("alice", "SELECT * FROM moed.\(table)") == RolesHouse.denied, "\(table)")
        }
        try await house.close()
    }
}
