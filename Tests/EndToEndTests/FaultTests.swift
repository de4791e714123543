import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Faults of a running daemon: kills, signals, a lost database.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct FaultTests {
    /// - Returns: their numbers, in order.
    @discardableResult
    func enqueue(_ scene: Scene, _ count: Int, maxTokens: Int = 120) async throws -> [Int64] {
        try await scene.database.query(
            """
            INSERT INTO moed.jobs (prompt, reasoning, max_tokens, seed)
            SELECT 'What is ' || i || ' + ' || 4000 - i || '?', CASE WHEN i % 4 = 0 THEN 'non_thinking' ELSE 'thinking' END,
                   \(Int32(maxTokens)), i
              FROM generate_series(1, \(Int32(count))) AS i
            RETURNING id
            """
        ).map { try $0.value("id") }
    }

    /// Lets jobs run up to their `max_tokens`.
    func ignoreEndTokens(_ scene: Scene, where condition: String = "true") async throws {
        try await scene.database.run(
            script: """
                UPDATE moed.job_request SET body = jsonb_set(body::jsonb, '{ignore_eos}', 'true')::json WHERE \(condition)
                """)
    }

    @Test func killedInMidBatchEveryJobEndsOnce() async throws {
        let scene = try await Scene()
        try await enqueue(scene, 400)
        for round in 1...3 {
            let daemon = try scene.start(["engine.slots": "8"])
            #expect(
                try await daemon.freeze {
                    let (running, done) = (
                        try await scene.count("state = 'running'"),
                        try await scene.count("state = 'succeeded'")
                    )
                    return running > 0 && done >= round * 20
                })
            #expect(try await scene.bury(daemon))
        }
        try await scene.drain()
        #expect(try await scene.count("state = 'succeeded'") == 400)
        #expect(
            try await scene.count("attempt > 1") > 0, "no job was caught running: the test proves nothing")
        #expect(try await scene.accountingFaults() == [])
    }

    /// The database committed a claim, and the connection was gone before the daemon knew.
    @Test func aClaimWhoseAnswerWasLostIsGivenBack() async throws {
        let scene = try await Scene()
        let daemon = try scene.start()
        #expect(
            try await eventually {
                try await scene.database.value("SELECT count(*) AS value FROM moed.worker", as: Int.self) == 1
            })
        try await scene.database.run(
            script: """
                BEGIN;
                SELECT moed.enqueue(prompt => 'What is 2 + 2?', max_tokens => 20);
                UPDATE moed.job SET state = 'running', attempt = 1, started_at = now(), leased_by = (SELECT id FROM moed.worker),
                       lease_token = nextval('moed.lease_token_seq');
                COMMIT;
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'moed'
                """)
        #expect(try await eventually { try await scene.count("state = 'succeeded'") == 1 })
        #expect(try await scene.database.value("SELECT attempt AS value FROM moed.job", as: Int.self) == 1)
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
        #expect(try await scene.accountingFaults() == [])
    }

    /// After a killed or a stopped daemon, the next one resumes the jobs from their checkpoints.
    @Test(arguments: [SIGKILL, SIGTERM])
    func unfinishedJobsGoOnFromTheirCheckpoints(_ signal: Int32) async throws {
        func scene() async throws -> Scene {
            let scene = try await Scene()
            // The lengths differ, so that concurrent jobs do not end together.
            for length in 0..<8 { try await enqueue(scene, 2, maxTokens: 240 + 40 * length) }
            try await ignoreEndTokens(scene)
            return scene
        }
        let undisturbed = try await scene()
        try await undisturbed.drain()
        let scene = try await scene()
        let settings = [
            "engine.slots": "8", "queue.checkpoint_interval": "100ms", "queue.checkpoint_tokens": "8",
            "shutdown.grace": "0s",
        ]
        let daemon = try scene.start(settings)
        #expect(try await daemon.freeze { try await scene.checkpointed() > 1 })
        if signal == SIGKILL {
            #expect(try await scene.bury(daemon))
        } else {
            daemon.signal(signal)
            daemon.thaw()
            #expect(try await daemon.exitCode() == 0)
        }
        let unfinished = try await scene.checkpointed()
        #expect(unfinished > 0)
        try await scene.drain(["engine.slots": "8"])
        #expect(try await scene.texts() == undisturbed.texts())
        #expect(try await scene.resumed() == unfinished)
        #expect(try await scene.checkpointed() == 0)
        #expect(try await scene.accountingFaults() == [])
    }

    @Test func sigtermReleasesWithoutUsingAnAttempt() async throws {
        let scene = try await Scene()
        try await enqueue(scene, 40, maxTokens: 3500)
        try await ignoreEndTokens(scene)
        let daemon = try scene.start(["engine.slots": "8", "shutdown.grace": "500ms"])
        #expect(try await daemon.freeze { try await scene.count("state = 'running'") == 8 })
        daemon.signal(SIGTERM)
        // Whoever is impatient asks again: that changes nothing.
        #expect(try await daemon.freeze(after: .milliseconds(5)) { daemon.logText.contains("stopping:") })
        daemon.signal(SIGTERM)
        daemon.thaw()
        #expect(try await daemon.exitCode() == 0)
        #expect(try await scene.count("state = 'queued' AND attempt = 0") == 40)
        #expect(try await scene.accountingFaults() == [])
    }

    @Test func sigtermLetsRunningJobsFinish() async throws {
        let scene = try await Scene()
        try await enqueue(scene, 400)
        let daemon = try scene.start(["shutdown.grace": "1h", "engine.slots": "4"])
        #expect(try await daemon.freeze { try await scene.count("state = 'running'") > 0 })
        daemon.signal(SIGINT)
        daemon.thaw()
        #expect(try await daemon.exitCode() == 0)
        #expect(try await scene.count("state = 'queued'") > 0)
        #expect(try await scene.count("state = 'succeeded'") > 0)
        #expect(
            try await scene.database.value(
                "SELECT count(*) AS value FROM moed.job_attempt WHERE outcome IS DISTINCT FROM 'succeeded'",
                as: Int64.self) == 0, "a running job was not finished but given back")
        #expect(try await scene.accountingFaults() == [])
    }

    @Test func cutConnectionsAreMadeAnewWithTheModelLoaded() async throws {
        let scene = try await Scene()
        try await enqueue(scene, 80)
        let daemon = try scene.start(["engine.slots": "4"])
        var done: Int64 = 0
        for _ in 0..<5 {
            // Each time it has written something since the last cut, so it is connected.
            #expect(try await daemon.freeze { try await scene.count("state = 'succeeded'") > done })
            done = try await scene.count("state = 'succeeded'")
            let cut: Int64? = try await scene.database.value(
                "SELECT count(pg_terminate_backend(pid)) AS value FROM pg_stat_activity WHERE application_name LIKE 'moed%' AND application_name <> 'moed test' AND datname = current_database()"
            )
            #expect(try #require(cut) > 0)
        }
        daemon.thaw()
        #expect(try await eventually { try await scene.count("state = 'succeeded'") == 80 })
        #expect(daemon.isRunning)
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
        #expect(daemon.logText.components(separatedBy: "starting, model").count == 2, "it was restarted")
        #expect(try await scene.accountingFaults() == [])
    }

    @Test(arguments: [
        ["queue.listen": "false", "queue.poll_interval": "200ms"],
        ["queue.listen": "true", "queue.poll_interval": "1h"],
    ])
    func pollingAndListeningEachWorkAlone(_ settings: [String: String]) async throws {
        let scene = try await Scene()
        let daemon = try scene.start(settings)
        #expect(
            try await eventually {
                try await scene.database.value(
                    "SELECT count(*) AS value FROM moed.worker WHERE idle", as: Int64.self) == 1
            })
        for number in 1...3 {
            try await enqueue(scene, 1)
            #expect(
                try await eventually {
                    try await scene.count("state = 'succeeded'") == Int64(number)
                })
            // Inserts while the worker is not idle send no notification.
            #expect(
                try await eventually {
                    try await scene.database.value(
                        "SELECT count(*) AS value FROM moed.worker WHERE idle", as: Int64.self) == 1
                })
        }
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
    }

    @Test func aCancelledJobStops() async throws {
        let scene = try await Scene()
        let ids = try await enqueue(scene, 2, maxTokens: 3500)
        try await ignoreEndTokens(scene, where: "job_id = \(ids[0])")
        let daemon = try scene.start()
        #expect(
            try await daemon.freeze { try await scene.count("state = 'running' AND id = \(ids[0])") == 1 })
        try await scene.database.query("SELECT moed.cancel(\(ids[0]))")
        daemon.thaw()
        #expect(
            try await eventually { try await scene.count("state = 'cancelled' AND id = \(ids[0])") == 1 })
        #expect(
            try await eventually { try await scene.count("state = 'succeeded' AND id = \(ids[1])") == 1 })
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
        #expect(try await scene.accountingFaults() == [])
    }

    /// An answer survives a database that refuses writes for a while. Repeated failures share a log line.
    @Test func answersWaitForADatabaseThatTakesNoWrites() async throws {
        let scene = try await Scene()
        let name = scene.database.name
        try await enqueue(scene, 24)
        try await scene.database.run(
            script: "ALTER TABLE moed.job_result ADD CONSTRAINT closed CHECK (false)")
        let daemon = try scene.start(["engine.slots": "8"])
        #expect(try await daemon.freeze { daemon.logText.contains("refuses the result") })
        #expect(try await scene.count("state IN ('succeeded', 'failed')") == 0)
        try await scene.database.run(
            script: """
                ALTER TABLE moed.job_result DROP CONSTRAINT closed;
                ALTER DATABASE "\(name)" SET default_transaction_read_only = on
                """)
        let cut =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        try await scene.database.run(script: cut)
        daemon.thaw()
        #expect(try await eventually { daemon.logText.contains("read-only transaction") })
        try await scene.database.run(
            script:
                "SET default_transaction_read_only = off; ALTER DATABASE \"\(name)\" RESET default_transaction_read_only"
        )
        try await scene.database.run(script: cut)
        #expect(
            try await eventually {
                try await scene.count("state IN ('succeeded', 'failed')") == 24
            })
        // Jobs whose result was refused by the closed table have failed. No job is left over.
        #expect(try await scene.count("state = 'failed' AND error_code <> 'result_refused'") == 0)
        #expect(try await scene.count("state = 'succeeded'") > 0)
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
        #expect(try await scene.accountingFaults() == [])
    }

    @Test func aWorkerForOneModelLeavesOtherJobsAlone() async throws {
        let scene = try await Scene()
        try await enqueue(scene, 2)
        try await scene.database.query(
            "SELECT moed.enqueue('What is 1 + 1?', model => 'only', max_tokens => 20)")
        try await scene.drain(["model.serve_default": "false", "model.name": "only"])
        #expect(try await scene.count("state = 'succeeded' AND model = 'only'") == 1)
        #expect(try await scene.count("state = 'queued' AND model = 'default'") == 2)
    }
}
