import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Jobs that endpoints run end once each, with the tokens of an undisturbed run, whatever the endpoints do.
@Suite(
    .serialized,
    .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")),
    .enabled(if: FaultEngine.isAvailable, Comment(rawValue: FaultEngine.missing)))
struct EndpointTests {
    private static let key = "sk-never-to-be-seen"

    /// A folder with a configuration that names endpoints.
    private struct Setting {
        let folder: TemporaryFolder
        /// Engines live as long as the setting.
        let engines: [FaultEngine]
        var path: String { folder.path("moed.yaml") }

        init(_ engines: [FaultEngine], local: Bool = false, more: String = "") throws {
            folder = try TemporaryFolder()
            self.engines = engines
            let entries = engines.enumerated().map { index, engine in
                "  - {name: e\(index), url: \"\(engine.url)\", model: fake, max_in_flight: 4, price_prompt: 1, price_completion: 2\(more)}\n"
            }
            try Data("engine: {local: \(local)}\nendpoints:\n\(entries.joined())".utf8).write(to: URL(filePath: path))
        }

        /// Runs the daemon until no job is left.
        func drain(_ scene: Scene, _ settings: [String: String] = [:]) async throws {
            let result = try await MoedProgram.run(arguments(scene, settings, drains: true))
            #expect(result.status == 0, "\(result.errors)")
            withExtendedLifetime(engines) {}
        }

        func arguments(_ scene: Scene, _ settings: [String: String] = [:], drains: Bool = false) -> [String] {
            scene.arguments(settings, drains: drains) + ["--config", path]
        }
    }

    private static func enqueue(_ count: Int, _ scene: Scene, newTokens: Int = 80) async throws {
        try await scene.database.query(
            """
            SELECT moed.enqueue(prompt => 'What is ' || i || ' + 5?', max_tokens => \(newTokens),
                thinking_token_budget => CASE i % 3 WHEN 0 THEN 20 END) FROM generate_series(1, \(count)) AS i
            """)
    }

    /// Texts of jobs that an engine without faults has run.
    private static func undisturbed(_ count: Int, newTokens: Int = 80) async throws -> [String] {
        let scene = try await Scene()
        try await enqueue(count, scene, newTokens: newTokens)
        let setting = try Setting([try FaultEngine()])
        try await setting.drain(scene)
        #expect(try await scene.accountingFaults() == [])
        return try await scene.texts()
    }

    @Test func faultsChangeNoAnswerAndNoAccount() async throws {
        let scene = try await Scene()
        try await Self.enqueue(30, scene)
        let engines = [try FaultEngine(seed: 3), try FaultEngine(seed: 4)]
        // A redirect puts an endpoint out of use for a minute; its row is tested apart.
        let kinds = "[\"busy_pause\", \"error\", \"page\", \"reset\", \"reset_in_stream\", \"end_in_stream\", \"error_event\", \"done_early\", \"malformed\", \"twice\", \"lost\", \"ok_with_error\", \"abort\"]"
        for engine in engines { try await engine.schedule("{\"rate\": 0.15, \"kinds\": \(kinds)}") }
        let setting = try Setting(engines)
        try await setting.drain(scene)
        #expect(try await scene.accountingFaults() == [])
        #expect(try await scene.texts() == Self.undisturbed(30))
        #expect(try await scene.spendingFaults() == [])
        // No request was sent twice under one name.
        for engine in engines {
            let ids = try JSONValue(parsing: try await engine.stats())["ids"]?.object?.members ?? []
            #expect(ids.allSatisfy { $0.key.isEmpty || $0.value == 1 })
            #expect(ids.contains { $0.key.hasPrefix("moed-") })
        }
    }

    @Test func aJobSurvivesTheDeathOfItsEngineAndOfItsWorker() async throws {
        let scene = try await Scene()
        try await Self.enqueue(12, scene, newTokens: 200)
        var engine: FaultEngine? = try FaultEngine()
        let port = try #require(engine?.port)
        try await engine?.schedule("{\"delay\": 0.02}")
        let setting = try Setting([try #require(engine)])
        let quick = ["queue.checkpoint_interval": "100ms"]
        var daemon = try MoedDaemonProcess(setting.arguments(scene, quick))
        #expect(try await eventually { try await scene.checkpointed() >= 3 })
        engine?.kill()
        engine = try FaultEngine(port: port)
        try await engine?.schedule("{\"delay\": 0.02}")
        // A new engine at the same place: jobs go on where they were.
        let before = try await scene.count("state = 'succeeded'")
        #expect(try await eventually { try await scene.count("state = 'succeeded'") > before })
        #expect(try await eventually { try await scene.spent("ended_at IS NULL") > 0 })
        #expect(try await scene.bury(daemon))
        try await engine?.schedule("{\"delay\": 0}")
        daemon = try MoedDaemonProcess(setting.arguments(scene, quick))
        #expect(try await eventually { try await scene.count("state = 'succeeded'") == 12 })
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
        #expect(try await scene.accountingFaults() == [])
        #expect(try await scene.resumed() > 0)
        #expect(try await scene.texts() == Self.undisturbed(12, newTokens: 200))
        #expect(daemon.logText.contains("endpoints: e0"))
        #expect(try await scene.spendingFaults() == [])
        #expect(try await scene.spent("outcome = 'lost' AND source = 'estimated'") > 0)
        withExtendedLifetime(engine) {}
    }

    /// Without an engine jobs stay in the queue, and lose no attempt.
    @Test func jobsWaitInTheQueueWhileNoEngineAnswers() async throws {
        let scene = try await Scene()
        try await Self.enqueue(5, scene)
        let engine = try FaultEngine()
        try await engine.schedule("{\"rate\": 1, \"kinds\": [\"busy\"]}")
        let setting = try Setting([engine])
        let daemon = try MoedDaemonProcess(setting.arguments(scene))
        #expect(try await eventually { try JSONValue(parsing: try await engine.stats())["requests"]?.integer ?? 0 >= 2 })
        #expect(try await scene.count("state IN ('queued', 'running')") == 5)
        try await engine.schedule("{\"rate\": 0}")
        #expect(try await eventually { try await scene.count("state = 'succeeded'") == 5 })
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
        withExtendedLifetime(setting) {}
        let attempts: Int64 = try await scene.database.value("SELECT max(attempt)::bigint AS value FROM moed.job") ?? 0
        #expect(attempts == 1)
    }

    /// The view tells why an endpoint takes nothing, and an operator ends its pause.
    @Test func anOperatorSeesAndEndsAPause() async throws {
        let scene = try await Scene()
        try await Self.enqueue(2, scene)
        let engine = try FaultEngine()
        try await engine.schedule("{\"rate\": 1, \"kinds\": [\"redirect\"]}")
        let setting = try Setting([engine])
        let daemon = try MoedDaemonProcess(setting.arguments(scene))
        #expect(try await eventually {
            try await scene.database.value(
                "SELECT reason AS value FROM moed.endpoints WHERE name = 'e0' AND state = 'out' AND cooldown_until > now()")
                == "it redirects (HTTP 307): set url to the new address"
        })
        try await engine.schedule("{\"rate\": 0}")
        let waiting: Int32? = try await scene.database.value("SELECT moed.clear_cooldown('e0') AS value")
        #expect(waiting == 1)
        #expect(try await eventually { try await scene.count("state = 'succeeded'") == 2 })
        #expect(try await eventually {
            try await scene.database.value("SELECT state AS value FROM moed.endpoints WHERE name = 'e0'") == "up"
        })
        let refused = try await scene.database.run(
            script: "SELECT count(*) AS n FROM moed.endpoints WHERE (errors ->> 'path')::int > 0")
        #expect(try refused[0].value("n", as: Int64.self) == 1)
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
        withExtendedLifetime(setting) {}
    }

    @Test func theLocalEngineAndAnEndpointServeTheSameQueue() async throws {
        let scene = try await Scene()
        try await Self.enqueue(60, scene)
        let engine = try FaultEngine()
        let setting = try Setting([engine], local: true)
        try await setting.drain(scene, ["engine.slots": "2"])
        #expect(try await scene.count("state = 'succeeded'") == 60)
        #expect(try await scene.accountingFaults() == [])
        #expect(try JSONValue(parsing: try await engine.stats())["requests"]?.integer ?? 0 > 10)
    }

    /// A job half done by an endpoint is finished by the local engine.
    @Test func theLocalEngineContinuesWhatAnEndpointBegan() async throws {
        let scene = try await Scene()
        try await Self.enqueue(4, scene, newTokens: 300)
        let engine = try FaultEngine()
        try await engine.schedule("{\"delay\": 0.05}")
        let setting = try Setting([engine])
        let quick = ["queue.checkpoint_interval": "100ms"]
        let daemon = try MoedDaemonProcess(setting.arguments(scene, quick))
        #expect(try await eventually { try await scene.checkpointed() == 4 })
        #expect(try await scene.bury(daemon))
        engine.kill()
        let both = try Setting([engine], local: true)
        try await both.drain(scene, quick)
        #expect(try await scene.count("state = 'succeeded'") == 4)
        #expect(try await scene.resumed() == 4)
        #expect(try await scene.accountingFaults() == [])
    }

    /// Jobs of a tenant that may not leave the house stay in the queue of a worker with outside endpoints only.
    @Test func jobsStayInTheHouse() async throws {
        let scene = try await Scene()
        try await scene.database.run(script: "SELECT moed.enqueue(prompt => 'a', max_tokens => 30, tenant => t) FROM unnest(ARRAY['in', 'out', 'poor']) AS t")
        try await scene.database.run(script: "UPDATE moed.tenant SET remote_allowed = false WHERE name = 'in'; UPDATE moed.tenant SET money_per_day = 0.00001 WHERE name = 'poor'")
        let engine = try FaultEngine()
        let outside = try Setting([engine], more: ", trust: outside")
        let result = try await MoedProgram.run(outside.arguments(scene, drains: true))
        // Jobs are left for other workers.
        #expect(result.status == 3, "\(result.errors)")
        #expect(try await scene.count("tenant = 'out' AND state = 'succeeded'") == 1)
        #expect(try await scene.count("state = 'queued'") == 2)
        #expect(try JSONValue(parsing: try await engine.stats())["requests"]?.integer ?? 0 <= 3)
        let house = try Setting([engine])
        try await house.drain(scene)
        #expect(try await scene.count("state = 'succeeded'") == 3)
        withExtendedLifetime(engine) {}
    }

    private static let chat = ", api: chat, thinking_budget: thinking_token_budget"

    /// Faults at the level of chats: each job ends once, with the provider's word as its account.
    @Test func chatsSurviveFaults() async throws {
        let scene = try await Scene()
        try await Self.enqueue(24, scene)
        let engines = [try FaultEngine(seed: 5), try FaultEngine(seed: 6)]
        let kinds = "[\"busy_pause\", \"error\", \"page\", \"reset\", \"reset_in_stream\", \"end_in_stream\", \"error_event\", \"done_early\", \"malformed\", \"ok_with_error\", \"abort\"]"
        for engine in engines { try await engine.schedule("{\"rate\": 0.15, \"kinds\": \(kinds)}") }
        let setting = try Setting(engines, more: Self.chat)
        try await setting.drain(scene)
        #expect(try await scene.count("state = 'succeeded'") == 24)
        #expect(try await scene.accountingFaults() == [])
        #expect(try await scene.count("prompt_tokens = 7 AND completion_tokens = 14 AND thinking_tokens = 8 AND answer_tokens = 6") == 24)
        #expect(try await scene.count("reasoning LIKE 't%' AND content LIKE 'a%' AND computed_by LIKE '%endpoints by chat%'") == 24)
        #expect(try await scene.spent("outcome = 'finished' AND source = 'usage' AND kept_tokens = 14") == 24)
        #expect(try await scene.spent("outcome <> 'finished' AND kept_tokens > 0 OR ended_at IS NULL") == 0)
        let last = try JSONValue(parsing: try await engines[0].stats())["last"]
        #expect(last?["messages"]?.array?.count == 1 && last?["chat_template_kwargs"]?["enable_thinking"] == true)
    }

    @Test func whatAProviderDoesNotTellIsNull() async throws {
        let scene = try await Scene()
        try await scene.database.run(script: "SELECT moed.enqueue(prompt => 'a', max_tokens => 50, stop => ARRAY['zz'])")
        let engine = try FaultEngine()
        try await engine.schedule("{\"usage\": \"none\", \"reasoning\": \"tags\"}")
        let setting = try Setting([engine], more: ", api: chat")
        try await setting.drain(scene)
        #expect(try await scene.count("state = 'succeeded' AND num_nulls(prompt_tokens, completion_tokens, total_tokens) = 3") == 1)
        #expect(try await scene.count("reasoning LIKE 't%' AND content LIKE 'a%' AND json_typeof(response #> '{usage,prompt_tokens}') = 'null'") == 1)
        #expect(try await scene.spent("cost IS NULL AND source = 'usage' AND prompt_tokens IS NULL") == 1)
        let last = try JSONValue(parsing: try await engine.stats())["last"]
        #expect(last?["stop"]?.array?.count == 1 && last?["thinking_token_budget"] == nil)
        // Its cost alone is told.
        try await engine.schedule("{\"usage\": \"counts\", \"cost\": 0.0125}")
        try await scene.database.run(script: "SELECT moed.enqueue(prompt => 'b', max_tokens => 50)")
        try await setting.drain(scene)
        #expect(try await scene.spent("cost = 0.0125 AND completion_tokens = 16 AND cached_tokens IS NULL") == 1)
        // A budget has no parameter there.
        try await scene.database.run(script: "SELECT moed.enqueue(prompt => 'c', max_tokens => 50, thinking_token_budget => 9)")
        try await setting.drain(scene)
        #expect(try await scene.count("state = 'failed' AND error_code = 'unsupported_parameter'") == 1)
    }

    @Test func theCredentialIsSentAndNeverShown() async throws {
        let scene = try await Scene()
        try await Self.enqueue(2, scene)
        let engine = try FaultEngine()
        try await engine.schedule("{\"key\": \"\(Self.key)\"}")
        let folder = try TemporaryFolder()
        let file = URL(filePath: folder.path("key"))
        try Data("wrong-\(Self.key)\n".utf8).write(to: file)
        let setting = try Setting([engine], more: ", credential: \"\(file.path)\"")
        let wrong = try await MoedProgram.run(["check", "--config", setting.path, "--database", scene.database.conninfo, "--model", Fixtures.sampleModel.path])
        #expect(wrong.output.contains("it refuses the credential (HTTP 401)"))
        try Data("\(Self.key)\n".utf8).write(to: file)
        let right = try await MoedProgram.run(["check", "--config", setting.path, "--database", scene.database.conninfo, "--model", Fixtures.sampleModel.path])
        #expect(right.output.contains("e0: ok: context 4096"))
        let daemon = try MoedDaemonProcess(setting.arguments(scene, ["log.level": "trace"]))
        #expect(try await eventually { try await scene.count("state = 'succeeded'") == 2 })
        let arguments = try String(contentsOfFile: "/proc/\(daemon.processID)/cmdline", encoding: .utf8)
        let environment = try String(contentsOfFile: "/proc/\(daemon.processID)/environ", encoding: .utf8)
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
        withExtendedLifetime((setting, folder)) {}
        for text in [wrong.output, wrong.errors, right.output, right.errors, daemon.logText, arguments, environment] {
            #expect(!text.contains(Self.key))
        }
    }

    @Test func aRedirectIsNotFollowed() async throws {
        let scene = try await Scene()
        try await Self.enqueue(1, scene)
        let engine = try FaultEngine()
        try await engine.schedule("{\"rate\": 1, \"kinds\": [\"redirect\"]}")
        let setting = try Setting([engine])
        let result = try await MoedProgram.run(["check", "--config", setting.path, "--database", scene.database.conninfo, "--model", Fixtures.sampleModel.path])
        #expect(result.output.contains("it redirects (HTTP 307): set url to the new address"))
        withExtendedLifetime(setting) {}
    }
}
