import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Embeddings of a model with sentence-transformers' modules: by jobs, by batch lines, by `generate`, from a pack.
@Suite(.serialized, .enabled(if: MoedProgram.binary != nil, Comment(rawValue: MoedProgram.missing)))
struct EmbeddingTests {
    private let folder: TemporaryFolder
    private var model: String { folder.path("model") }

    /// The sample model as an embedding model.
    init() throws {
        folder = try TemporaryFolder()
        let sample = Fixtures.sampleModel
        try FileManager.default.createDirectory(atPath: folder.path("model/1_Pooling"), withIntermediateDirectories: true)
        for name in ["config.json", "generation_config.json", "model.safetensors", "tokenizer_config.json"] {
            try FileManager.default.copyItem(atPath: sample.appending(path: name).path, toPath: folder.path("model/\(name)"))
        }
        try folder.write("model/tokenizer.json", Self.tokenizer())
        let modules = ["Transformer", "Pooling", "Normalize"].map { #"{"type": "sentence_transformers.models.\#($0)"}"# }
        try folder.write("model/modules.json", Array("[\(modules.joined(separator: ","))]".utf8))
        try folder.write("model/1_Pooling/config.json", Array(#"{"pooling_mode_lasttoken": true}"#.utf8))
    }

    /// The sample model's tokenizer, which adds an end token as Qwen3-Embedding's does.
    static func tokenizer() throws -> [UInt8] {
        let file = Fixtures.sampleModel.appending(path: "tokenizer.json")
        var tokenizer = try #require(JSONValue(parsing: Fixtures.bytes(file)).object)
        tokenizer["post_processor"] = [
            "type": "Sequence",
            "processors": [
                ["type": "ByteLevel"],
                [
                    "type": "TemplateProcessing",
                    "single": [["Sequence": ["id": "A", "type_id": 0]], ["SpecialToken": ["id": "<|endoftext|>", "type_id": 0]]],
                    "special_tokens": ["<|endoftext|>": ["id": "<|endoftext|>", "ids": [635], "tokens": ["<|endoftext|>"]]],
                ],
            ],
        ]
        return Array(JSONValue.object(tokenizer).serialized().utf8)
    }

    private static func expected() throws -> [(text: String, embedding: [Double])] {
        let file = Fixtures.packageRoot.appending(path: "Tests/Fixtures/embeddings/expected.json")
        return try JSONValue(parsing: Fixtures.bytes(file)).array?.map { one in
            (one["text"]?.string ?? "", one["embedding"]?.array?.compactMap(\.number) ?? [])
        } ?? []
    }

    private static func distance(_ a: [Double], _ b: [Double]) -> Double {
        a.count == b.count && !a.isEmpty ? zip(a, b).map { abs($0 - $1) }.max() ?? .infinity : .infinity
    }

    private func embed(_ lines: [String], model: String) async throws -> [JSONValue] {
        let result = try await MoedProgram.run(["generate", "--model", model], input: lines.joined(separator: "\n"))
        return try result.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    private func line(_ text: String, _ more: String = "") -> String {
        #"{"input": \#(JSONValue.string(text).serialized())\#(more)}"#
    }

    private static func vector(_ answer: JSONValue) -> [Double] {
        answer["data"]?.array?.first?["embedding"]?.array?.compactMap(\.number) ?? []
    }

    /// The vectors are those of transformers, in a batch and alone, from the checkpoint and from a pack of it.
    @Test func vectors() async throws {
        let expected = try Self.expected()
        let answers = try await embed(expected.map { line($0.text) }, model: model)
        try #require(answers.count == expected.count)
        for (answer, one) in zip(answers, expected) {
            #expect(Self.distance(Self.vector(answer), one.embedding) < 3e-5, "\(one.text)")
            #expect(answer["object"] == "list" && answer["usage"]?["completion_tokens"] == 0)
        }
        #expect(answers[0]["usage"]?["prompt_tokens"] == 11)
        #expect(Self.vector(try await embed([line(expected[3].text)], model: model)[0]) == Self.vector(answers[3]))
        let packed = try await MoedProgram.run(["pack", model, folder.path("pack")])
        #expect(packed.status == 0, "\(packed.errors)")
        #expect(try await embed([line(expected[1].text)], model: folder.path("pack")).map(Self.vector) == [Self.vector(answers[1])])
        // Leading components, at length 1.
        let cut = Self.vector(try await embed([line(expected[0].text, #", "dimensions": 16"#)], model: model)[0])
        let length = expected[0].embedding.prefix(16).map { $0 * $0 }.reduce(0, +).squareRoot()
        #expect(Self.distance(cut, expected[0].embedding.prefix(16).map { $0 / length }) < 1e-4)
    }

    @Test func refusals() async throws {
        for (line, expected) in [
            (#"{"messages": [{"role": "user", "content": "a"}]}"#, "the model makes embeddings"),
            (#"{"input": ["a", "b"]}"#, "input must be one text"), (#"{"input": ""}"#, "input must be one text"),
            (#"{"input": "a", "dimensions": 129}"#, "dimensions is 129"), (#"{"input": "a", "temperature": 1}"#, "temperature"),
            (#"{"input": "a", "encoding_format": "base64"}"#, "encoding_format"), (#"{"input": [700]}"#, "vocabulary"),
            (#"{"input": "\#(String(repeating: "a b ", count: 5000))"}"#, "context"),
        ] {
            let answers = try await embed([line], model: model)
            #expect(answers.first?["error"]?["message"]?.string?.contains(expected) == true, "\(line.prefix(80)): \(answers)")
        }
        let plain = try await embed([line("a")], model: Fixtures.sampleModel.path)
        #expect(plain.first?["error"]?["message"]?.string?.contains("the model generates text") == true, "\(plain)")
        try folder.write("model/1_Pooling/config.json", Array(#"{"pooling_mode_mean_tokens": true}"#.utf8))
        let other = try await MoedProgram.run(["generate", "--model", model], input: line("a"))
        #expect(other.status != 0 && other.errors.contains("pooling_mode_lasttoken"), "\(other.errors)")
    }

    @Test(.enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
    func jobs() async throws {
        let scene = try await Scene()
        let expected = try Self.expected()
        for one in expected {
            try await scene.database.run(script: "SELECT moed.embed($text$\(one.text)$text$, notify => true)")
        }
        try await scene.database.run(
            script: """
                SELECT moed.embed(NULL), moed.enqueue('a chat');
                SELECT moed.import_batch('lines', '{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"input":"a"}}');
                """)
        let result = try await MoedProgram.run(scene.arguments(model: model, drains: true))
        #expect(result.status == 0, "\(result.errors)")
        for (index, one) in expected.enumerated() {
            let values = try await scene.database.query(
                "SELECT unnest(moed.embedding(\(index + 1)))::float8 AS value").map { try $0.value("value") as Double }
            #expect(Self.distance(values, one.embedding) < 3e-5, "\(one.text)")
        }
        let chat = try await scene.database.run(script: "SELECT error AS reason FROM moed.jobs WHERE state = 'failed'")
        #expect(try chat.map { try $0.value("reason") as String }.first?.contains("the model makes embeddings") == true)
        #expect(try await scene.count("response -> 'data' -> 0 ->> 'object' = 'embedding'") == 5)
        #expect(try await scene.count("state = 'succeeded' AND total_tokens = prompt_tokens") == 5)
    }
}
