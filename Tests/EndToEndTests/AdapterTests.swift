import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// LoRA adapters by the binary: `generate`, `score`, `pack`, and jobs of a daemon.
@Suite(.serialized, .enabled(if: MoedProgram.binary != nil, Comment(rawValue: MoedProgram.missing)))
struct AdapterTests {
    private let folder: TemporaryFolder
    private let model = Fixtures.sampleModel.path

    init() throws {
        folder = try TemporaryFolder()
        for (index, name) in ["one", "two", "three"].enumerated() {
            try TestAdapter.ofSampleModel(seed: UInt64(index + 1)).write(to: folder, name)
        }
    }

    private var adapters: [String] { ["one", "two", "three"].flatMap { ["--adapter", folder.path($0)] } }

    private func line(_ model: String?) -> String {
        let named = model.map { #", "model": "\#($0)""# } ?? ""
        return #"{"messages": [{"role": "user", "content": "What is 27 + 58?"}], "seed": 1, "max_tokens": 24\#(named)}"#
    }

    private func answers(_ arguments: [String], _ lines: [String]) async throws -> [JSONValue] {
        let result = try await MoedProgram.run(
            ["generate", "--model", model] + arguments, input: lines.joined(separator: "\n"))
        #expect(result.status == 0, "\(result.errors)")
        return try result.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    /// Three adapters and the model itself in one batch answer as each does alone.
    @Test func linesChooseTheirAdapter() async throws {
        let base = Fixtures.sampleModel.lastPathComponent
        let names: [String?] = ["two", base, nil, "three", "one", "two", base]
        let mixed = try await answers(adapters, names.map(line))
        #expect(mixed.map { $0["model"]?.string } == names.map { $0 ?? "one" })
        for (name, answer) in zip(names, mixed) {
            let alone = name == base ? [] : ["--adapter", folder.path(name ?? "one")]
            let expected = try await answers(alone, [line(nil)])
            #expect(expected.map { $0["choices"] } == [answer["choices"]], "\(name ?? "")")
        }
        #expect(Set(mixed.map { $0["choices"]?.array?.first?["message"]?.serialized() ?? "" }).count == 4)
    }

    @Test func scoresOfAMergedPack() async throws {
        let text = #"{"text": "Nine and nine make eighteen."}"#
        let beside = try await MoedProgram.run(
            ["score", "--model", model, "--adapter", folder.path("two")], input: text)
        let packed = try await MoedProgram.run(["pack", model, folder.path("pack"), "--adapter", folder.path("two")])
        #expect(packed.status == 0, "\(packed.errors)")
        let merged = try await MoedProgram.run(["score", "--model", folder.path("pack")], input: text)
        let base = try await MoedProgram.run(["score", "--model", model], input: text)
        let scores = try [beside, merged, base].map { result in
            try JSONValue(parsing: result.output)["logprobs"]?.array?.compactMap(\.number) ?? []
        }
        #expect(scores[0].count > 5 && zip(scores[0], scores[1]).allSatisfy { abs($0 - $1) < 3e-4 }, "\(scores)")
        #expect(scores[2] != scores[0])
    }

    @Test func refusals() async throws {
        for (arguments, expected) in [
            (["score", "--model", folder.path("one")], "holds an adapter"),
            (["score", "--model", model, "--adapter", model], "the directory holds a model"),
            (["generate", "--model", model, "--adapter", "/nowhere"], "/nowhere"),
            (["generate", "--model", model, "--adapter", folder.path("one"), "--adapter", folder.path("one")], "NAME=DIR"),
            (["bench", "--synthetic", "qwen3-0.6b:layers=1", "--adapter", folder.path("one")], "random weights"),
        ] {
            let result = try await MoedProgram.run(arguments, input: "")
            #expect(result.status != 0 && result.errors.contains(expected), "\(arguments): \(result.errors)")
        }
    }

    /// SIGHUP loads adapters, new ones and such whose files changed, and removes others. A removed one's job waits.
    @Test(.enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
    func reloading() async throws {
        let scene = try await Scene()
        func configure(_ names: [String: String]) throws {
            let lines = names.sorted { $0.key < $1.key }.map { "  \($0): \(folder.path($1))\n" }.joined()
            try folder.write("moed.yaml", Array("adapters:\n\(lines)".utf8))
        }
        func enqueue(_ model: String) async throws {
            try await scene.database.run(
                script: "SELECT moed.enqueue(prompt => 'What is 27 + 58?', max_tokens => 24, seed => 1, model => '\(model)')")
        }
        func answered(_ count: Int64) async throws -> Bool {
            try await eventually { try await scene.count("state = 'succeeded'") == count }
        }
        try configure(["one": "one", "two": "two"])
        let daemon = try MoedDaemonProcess(
            scene.arguments(["model.name": "sample"]) + ["--config", folder.path("moed.yaml")])
        for model in ["one", "two"] { try await enqueue(model) }
        #expect(try await answered(2), "\(daemon.logText)")
        try configure(["two": "three", "three": "three"])
        daemon.signal(SIGHUP)
        #expect(try await eventually { daemon.logText.contains("adapters: loaded three, two; removed one") }, "\(daemon.logText)")
        for model in ["one", "two", "three"] { try await enqueue(model) }
        #expect(try await answered(4), "\(daemon.logText)")
        #expect(try await scene.count("state = 'queued' AND model = 'one'") == 1)
        // A fault leaves the adapters as they are.
        try configure(["one": "nowhere", "three": "three"])
        daemon.signal(SIGHUP)
        #expect(try await eventually { daemon.logText.contains("the adapters stay as they were") }, "\(daemon.logText)")
        try configure(["one": "one"])
        daemon.signal(SIGHUP)
        #expect(try await answered(5), "\(daemon.logText)")
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)

        let rows = try await scene.database.query("SELECT model, content AS answer FROM moed.jobs ORDER BY id")
        let files = ["one", "two", "one", "three", "three"]
        for (row, file) in zip(rows, files) {
            let model: String = try row.value("model")
            let answer: String? = try row.value("answer")
            let lines = try await answers(["--adapter", folder.path(file)], [line(nil)])
            #expect(lines.first?["choices"]?.array?.first?["message"]?["content"]?.string == answer ?? "", "\(model)")
        }
        #expect(rows.count == 5)
        #expect(try await scene.accountingFaults() == [])
    }

    @Test(.enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
    func jobsNameTheirAdapter() async throws {
        let scene = try await Scene()
        let file = folder.path("moed.yaml")
        try folder.write(
            "moed.yaml", Array("adapters:\n  one: \(folder.path("one"))\n  two: \(folder.path("two"))\n".utf8))
        try await scene.database.run(
            script: """
                SELECT moed.enqueue(prompt => 'What is 27 + 58?', max_tokens => 24, seed => 1, model => m)
                  FROM unnest(ARRAY['default', 'one', 'two']) m;
                """)
        let result = try await MoedProgram.run(scene.arguments(["model.name": "sample"], drains: true) + ["--config", file])
        #expect(result.status == 0, "\(result.errors)")
        let rows = try await scene.database.query(
            """
            SELECT j.model AS model, j.content AS answer, j.computed_by AS origin FROM moed.jobs j ORDER BY j.id
            """)
        var origins: Set<String> = []
        for (row, expected) in zip(rows, ["sample", "one", "two"]) {
            let model: String = try row.value("model")
            let origin: String = try row.value("origin")
            let answer: String? = try row.value("answer")
            #expect(model == (expected == "sample" ? "default" : expected) && origin.hasPrefix("\(expected) (experts "), "\(model): \(origin)")
            origins.insert(origin)
            let lines = try await answers(expected == "sample" ? [] : ["--adapter", folder.path(expected)], [line(nil)])
            let message = lines.first?["choices"]?.array?.first?["message"]
            #expect(message?["content"]?.string == answer ?? "", "\(model)")
        }
        #expect(rows.count == 3 && origins.count == 3)
        #expect(try await scene.accountingFaults() == [])
    }
}
