import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// A pack whose experts do not all fit, under a daemon.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct BudgetTests {
    /// A daemon is killed. The next one has another memory budget and resumes the jobs with the same tokens.
    @Test func anotherBudgetAfterARestart() async throws {
        let pack = try await SamplePack()
        func settings(_ budget: String) -> [String: String] {
            [
                "engine.slots": "8", "engine.kv_tokens": "8192", "queue.checkpoint_interval": "100ms",
                "queue.checkpoint_tokens": "8", "memory.budget": budget,
            ]
        }
        func scene() async throws -> Scene {
            let scene = try await Scene()
            try await scene.database.run(
                script: """
                    INSERT INTO moed.jobs (prompt, max_tokens, seed, params)
                    SELECT 'What is ' || i || ' + 17?', 300, i, '{"ignore_eos": true}' FROM generate_series(1, 32) AS i
                    """)
            return scene
        }
        func drain(
            _ scene: Scene, _ budget: String
        ) async throws -> (status: Int32, output: String, errors: String) {
            try await MoedProgram.run(scene.arguments(settings(budget), model: pack.path, drains: true))
        }
        let roomy = try await scene()
        let least = try SamplePack.leastBudget(try await drain(roomy, "1MB"))
        #expect(try await drain(roomy, "50%").status == 0)

        let scene = try await scene()
        let daemon = try MoedDaemonProcess(scene.arguments(settings("50%"), model: pack.path))
        #expect(try await daemon.freeze { try await scene.checkpointed() > 1 })
        #expect(try await scene.bury(daemon))
        let unfinished = try await scene.checkpointed()
        try #require(unfinished > 0)
        let tight = try await drain(scene, SamplePack.tight(least))
        #expect(tight.status == 0 && tight.errors.contains("experts are read by"), "\(tight.errors)")
        #expect(try await scene.texts() == roomy.texts())
        #expect(try await scene.resumed() == unfinished)
        #expect(try await scene.accountingFaults() == [])
    }

    /// Experts are loaded during the first jobs. A damaged expert ends the daemon, as at the start, and fails no job.
    @Test func aDamagedPackStopsTheDaemon() async throws {
        let pack = try await SamplePack()
        try pack.folder.flip("pack/experts.bin", at: 70_000)
        let scene = try await Scene()
        try await scene.database.run(
            script:
                "INSERT INTO moed.jobs (prompt) SELECT 'What is ' || i || ' + 17?' FROM generate_series(1, 100) AS i"
        )
        let result = try await MoedProgram.run(scene.arguments(model: pack.path))
        #expect(result.status == 78, "\(result.errors)")
        #expect(
            result.errors.contains("moed: model.path: expert model.layers.0.mlp.experts."), "\(result.errors)"
        )
        #expect(try await scene.count("state IN ('queued', 'scheduled', 'succeeded')") == 100)
        #expect(try await scene.accountingFaults() == [])
    }

    /// The metrics endpoint reports the daemon's jobs, memory and cache.
    @Test func metricsOverHTTP() async throws {
        let pack = try await SamplePack()
        let scene = try await Scene()
        try await scene.database.run(
            script:
                "INSERT INTO moed.jobs (prompt) SELECT 'What is ' || i || ' + 17?' FROM generate_series(1, 5) AS i"
        )
        let socket = pack.folder.path("s")
        let daemon = try MoedDaemonProcess(scene.arguments(["status.listen": socket], model: pack.path))
        #expect(
            try await eventually {
                try await HTTPGet.get("/metrics", socket: socket)?.body.contains(
                    "\nmoed_jobs_succeeded_total 5\n") == true
            })
        let text = try #require(try await HTTPGet.get("/metrics", socket: socket)?.body)
        for name in [
            "moed_expert_read_bytes_total", "moed_memory_planned_bytes{use=\"kv\"}", "moed_sweeps_total",
        ] {
            #expect(text.contains("\n\(name) "), "\(text)")
        }
        #expect(try await HTTPGet.get("/healthz", socket: socket)?.body == "ok\n")
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
    }
}
