import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Rules that ask a moderation endpoint: from SQL through the worker to a server, and back into SQL.
@Suite(
    .serialized,
    .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")),
    .enabled(if: FaultEngine.isAvailable, Comment(rawValue: FaultEngine.missing)))
struct ModerationTests {
    private let scene: Scene
    private let server: FaultEngine

    init() async throws {
        scene = try await Scene()
        server = try FaultEngine(script: "moderation_server.py")
    }

    private func settings(_ more: [String: String] = [:]) -> [String: String] {
        ["moderation.url": server.url, "moderation.model": "m1", "moderation.time_limit": "600s"].merging(more) { $1 }
    }

    private func rule(_ columns: String, _ values: String) async throws {
        try await scene.database.run(
            script: "INSERT INTO moed.policy (name, kind, \(columns)) VALUES ('birds', 'moderation', \(values))")
    }

    private func enqueue(_ prompts: [String], tenant: String = "default") async throws {
        for prompt in prompts {
            try await scene.database.query(
                """
                SELECT moed.enqueue(prompt => \(prompt), tenant => \(tenant), max_tokens => 4, reasoning => 'non_thinking')
                """)
        }
    }

    /// A line for each job: state, error code, finish reason, tokens.
    private func outcomes() async throws -> [String] {
        try await scene.database.query(
            """
            SELECT concat_ws(' ', state, error_code, finish_reason, total_tokens > 0) AS line FROM moed.jobs ORDER BY id
            """
        ).map { try $0.value("line") }
    }

    private func verdicts() async throws -> [String] {
        try await scene.database.query(
            """
            SELECT concat_ws(' ', job_id, side, action, array_to_string(categories, ','), fault) AS line
              FROM moed.policy_verdict ORDER BY job_id, side
            """
        ).map { try $0.value("line") }
    }

    private func stats() async throws -> JSONValue { try JSONValue(parsing: try await server.stats()) }

    @Test func requestsAreJudged() async throws {
        try await rule("side, action, categories, model", "'input', 'withhold', '{birds}', 'm2'")
        try await enqueue(["A heron?", "A tit?"])
        try await scene.drain(settings())
        #expect(try await outcomes() == ["succeeded content_filter f", "succeeded length t"])
        #expect(try await verdicts() == ["1 input withhold birds"])
        #expect(try await stats()["models"]?["m2"] == 2)
        #expect(try await scene.accountingFaults() == [])
        let counted = try await scene.database.query(
            "SELECT hits || ' ' || faults || ' ' || kind AS line FROM moed.policies")
        #expect(try counted[0].value("line", as: String.self) == "1 0 moderation")
    }

    @Test func answersAreJudged() async throws {
        try await rule("side, threshold", "'output', 0.5")
        try await server.schedule(#"{"word": ""}"#)
        try await enqueue(["A heron?"])
        try await scene.drain(settings())
        #expect(try await outcomes().map { $0.hasPrefix("failed content_policy") } == [true])
        #expect(try await verdicts() == ["1 output fail birds"])
        #expect(try await scene.accountingFaults() == [])
    }

    @Test(arguments: [("act", "failed content_policy"), ("pass", "succeeded length t")])
    func aServiceThatFailsClosesOrOpens(_ onFault: String, _ outcome: String) async throws {
        try await rule("side, on_fault", "'both', '\(onFault)'")
        // A status that is final: the fault does not depend on the time that is left for repetitions.
        try await server.schedule(#"{"status": 400}"#)
        try await enqueue(["A tit?"])
        try await scene.drain(settings([:]))
        #expect(try await outcomes().map { $0.hasPrefix(outcome) } == [true])
        let fault = "the moderation endpoint: it answers with status 400"
        #expect(
            try await verdicts()
                == (onFault == "act"
                    ? ["1 input fail \(fault)"] : ["1 input fail \(fault)", "1 output fail \(fault)"]))
    }

    @Test func withoutAServiceARuleCannotBeAsked() async throws {
        try await rule("side", "'input'")
        try await enqueue(["A tit?"])
        try await scene.drain()
        #expect(try await outcomes().map { $0.hasPrefix("failed content_policy") } == [true])
        #expect(try await verdicts() == ["1 input fail the configuration of this worker has no moderation.url"])
    }

    /// A service that hangs holds up the jobs that need it, and nobody else's; requests in flight are few.
    @Test func aServiceThatHangsHoldsUpNobodyElse() async throws {
        try await rule("side, tenant", "'both', 'asked'")
        try await server.schedule(#"{"hangs": true}"#)
        try await enqueue(["One tit?", "Two tits?", "Three tits?"], tenant: "asked")
        let daemon = try scene.start(
            settings(["moderation.max_in_flight": "2", "moderation.time_limit": "600s", "engine.slots": "8"]))
        #expect(try await eventually { try await stats()["live"] == 2 })
        try await enqueue(["Another?", "And another?"], tenant: "free")
        #expect(try await eventually { try await scene.count("state = 'succeeded' AND tenant = 'free'") == 2 })
        #expect(try await scene.count("state = 'succeeded' AND tenant = 'asked'") == 0)
        try await server.schedule(#"{"hangs": false}"#)
        #expect(try await eventually { try await scene.count("state = 'succeeded'") == 5 })
        #expect(try await stats()["most"] == 2)
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
        #expect(try await scene.accountingFaults() == [])
    }

    /// A worker dies while a service thinks about an answer: the next one asks again, and the job ends once.
    @Test func anAnswerThatWaitsSurvivesItsWorker() async throws {
        try await rule("side", "'output'")
        try await server.schedule(#"{"hangs": true}"#)
        try await enqueue(["A tit?"])
        let first = try scene.start(settings(["moderation.time_limit": "600s"]))
        #expect(try await eventually { try await stats()["live"] == 1 })
        #expect(try await scene.bury(first))
        try await server.schedule(#"{"hangs": false}"#)
        let second = try scene.start(settings())
        #expect(try await eventually { try await scene.count("state = 'succeeded'") == 1 })
        second.signal(SIGTERM)
        #expect(try await second.exitCode() == 0)
        #expect(try await scene.accountingFaults() == [])
    }

    @Test func theCheckAsksTheService() async throws {
        try await rule("side, categories", "'input', '{bird}'")
        func check(_ settings: [String: String]) async throws -> String {
            let flags = settings.flatMap { ["--set", "\($0.key)=\($0.value)"] }
            return try await MoedProgram.run(
                ["check", "--database", scene.database.conninfo, "--model", Fixtures.sampleModel.path] + flags
            ).output
        }
        let misspelt = try await check(settings())
        #expect(
            misspelt.contains(
                "warning    the policy “birds” cannot be asked: the moderation endpoint: its answer has no category “bird”"),
            "\(misspelt)")
        try await scene.database.run(script: "UPDATE moed.policy SET categories = '{birds}'")
        #expect(try await check(settings()).contains("policies   ok: 1"))
        #expect(try await check([:]).contains("the configuration of this worker has no moderation.url"))
    }
}
