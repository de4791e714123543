import Foundation
import MoedPostgres
import TestSupport
import Testing

/// What is shown of an answer is what computed it.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct OriginTests {
    private static let files = [
        "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors",
    ]

    private func model(in folder: TemporaryFolder) throws -> String {
        try folder.createFolder("model")
        for file in Self.files { try folder.copy("\(Fixtures.sampleModel.path)/\(file)", to: "model/\(file)") }
        return folder.path("model")
    }

    /// Other weights take the place of a dead worker's: same directory, names, sizes and formats.
    @Test func otherWeightsBeginAnew() async throws {
        let folder = try TemporaryFolder()
        let model = try model(in: folder)
        let scene = try await Scene()
        try await scene.database.query(
            "SELECT moed.enqueue(prompt => 'What is 2 + 2?', max_tokens => 1500, params => '{\"ignore_eos\":true}')")
        let settings = ["queue.checkpoint_interval": "50ms", "queue.checkpoint_tokens": "8"]
        let daemon = try MoedDaemonProcess(scene.arguments(settings, model: model))
        #expect(try await daemon.freeze { try await scene.checkpointed() == 1 })
        #expect(try await scene.bury(daemon))
        // The last norm: every token comes out otherwise.
        var weights = try folder.bytes("model/model.safetensors")
        for index in weights.indices.suffix(200_000) where index % 2 == 1 { weights[index] ^= 0x80 }
        try folder.write("model/model.safetensors", weights)
        let result = try await MoedProgram.run(scene.arguments(model: model, drains: true))
        #expect(result.status == 0, "\(result.errors)")
        #expect(try await scene.count("state = 'succeeded'") == 1)
        #expect(try await scene.resumed() == 0)
        let wasted = try await scene.database.value(
            "SELECT count(*) AS value FROM moed.token_ledger WHERE kind = 'wasted' AND thinking_tokens > 0", as: Int.self)
        #expect(wasted == 1)
        #expect(try await scene.database.value("SELECT count(*) AS value FROM moed.origin", as: Int.self) == 2)
        #expect(try await scene.accountingFaults() == [])
    }

    /// Soft switches and models with one mode: the account has what ran, under the name that workers serve.
    @Test func modeAndModelAreThoseThatRan() async throws {
        let scene = try await Scene()
        try await scene.database.run(
            script: """
                SELECT moed.enqueue(prompt => 'What is 27 + 58? /no_think', max_tokens => 40),
                       moed.enqueue(prompt => 'What is 27 + 58?', max_tokens => 40);
                """)
        try await scene.drain(["model.name": "sample"])
        let rows = try await scene.database.query(
            """
            SELECT concat_ws(' ', l.job_id, l.mode, m.name, a.name, j.mode, v.mode, v.computed_by LIKE 'sample (experts %)%') AS text
              FROM moed.token_ledger l JOIN moed.model m ON m.id = l.model_id JOIN moed.model a ON a.id = l.asked_model_id
              JOIN moed.job j ON j.id = l.job_id JOIN moed.jobs v ON v.id = l.job_id ORDER BY l.job_id
            """
        ).map { try $0.value("text", as: String.self) }
        #expect(
            rows == [
                "1 non_thinking sample default thinking non_thinking t", "2 thinking sample default thinking thinking t",
            ])
        let models = try await scene.database.query(
            "SELECT model || ' ' || mode AS text FROM moed.usage_daily ORDER BY mode"
        ).map { try $0.value("text", as: String.self) }
        #expect(models == ["sample thinking", "sample non_thinking"])
    }
}
