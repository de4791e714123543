import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// A dense model as Qwen3-Embedding is published: names without `model.`, no output matrix, sentence-transformers' files.
/// `Tests/Fixtures/embeddings/record_dense.py` wrote it, and its embeddings by transformers.
@Suite(.serialized, .enabled(if: MoedProgram.binary != nil, Comment(rawValue: MoedProgram.missing)))
struct DenseEmbeddingTests {
    private static let fixture = Fixtures.packageRoot.appending(path: "Tests/Fixtures/embeddings/qwen3-embedding")
    private let folder: TemporaryFolder
    private var model: String { folder.path("model") }

    init() throws {
        folder = try TemporaryFolder()
        try folder.copy(Self.fixture.path, to: "model")
        try folder.write("model/tokenizer.json", EmbeddingTests.tokenizer())
        try folder.copy(Fixtures.sampleModel.appending(path: "tokenizer_config.json").path, to: "model/tokenizer_config.json")
    }

    private static func expected() throws -> [JSONValue] {
        try JSONValue(parsing: Fixtures.bytes(fixture.appending(path: "expected.json"))).array ?? []
    }

    private static func numbers(_ value: JSONValue?) -> [Double] { value?.array?.compactMap(\.number) ?? [] }

    private static func distance(_ a: [Double], _ b: [Double]) -> Double {
        a.count == b.count && !a.isEmpty ? zip(a, b).map { abs($0 - $1) }.max() ?? .infinity : .infinity
    }

    /// The base model's own name, that of a causal model, and an output matrix that is said to be untied and is not there.
    @Test(arguments: [(#""Qwen3Model""#, "true"), (#""Qwen3ForCausalLM""#, "true"), (#""Qwen3ForCausalLM""#, "false")])
    func vectors(_ architecture: String, _ tied: String) async throws {
        let config = String(decoding: try folder.bytes("model/config.json"), as: UTF8.self)
            .replacing(#""Qwen3Model""#, with: architecture)
            .replacing(#""tie_word_embeddings": true"#, with: #""tie_word_embeddings": \#(tied)"#)
        try folder.write("model/config.json", Array(config.utf8))
        let expected = try Self.expected()
        let lines = expected.flatMap { one in
            let text = one["text"]?.serialized() ?? ""
            return [#"{"input": \#(text)}"#, #"{"input": \#(text), "dimensions": 8}"#]
        }
        let result = try await MoedProgram.run(["generate", "--model", model], input: lines.joined(separator: "\n"))
        let answers = try result.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        try #require(answers.count == lines.count, "\(result)")
        for (index, one) in expected.enumerated() {
            for (answer, name) in zip(answers[(2 * index)...], ["embedding", "eight"]) {
                let vector = Self.numbers(answer["data"]?.array?.first?["embedding"])
                #expect(Self.distance(vector, Self.numbers(one[name])) < 1e-4, "\(name) of \(one["text"] ?? .null)")
                #expect(answer["usage"]?["prompt_tokens"] == one["tokens"])
            }
        }
    }

    @Test(
        .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")),
        .enabled(if: GatewayScene.python != nil, Comment(rawValue: GatewayScene.missingClients)))
    func theOfficialClientGetsEmbeddings() async throws {
        let gateway = try await GatewayScene()
        let worker = try gateway.scene.start(model: model)
        let database = gateway.scene.database
        #expect(try await eventually { try await database.value("SELECT count(*) AS value FROM moed.worker") == 1 })
        let seen = try await gateway.client("openai_embeddings.py", [Self.fixture.appending(path: "expected.json").path])
        for name in ["base64", "float", "cut"] { #expect(seen[name]?.number ?? 1 < 1e-4, "\(name): \(seen)") }
        let tokens = try Self.expected().reduce(0) { $0 + ($1["tokens"]?.integer ?? 0) }
        #expect(seen["indices"] == [0, 1, 2, 3] && seen["usage"] == [.integer(Int64(tokens)), .integer(Int64(tokens))])
        #expect(seen["single"] == true && seen["ids"] == true)
        #expect(
            seen["refusals"] == [
                "empty": [400, "input"], "dimensions": [400, "dimensions"], "many": [400, nil], "chat": 400,
            ], "\(seen)")
        // Queries in SQL have their instruction, as the model's card writes it.
        let query = try #require(try Self.expected().first)
        try await database.run(
            script: "SELECT moed.embed(moed.search_query('Which ship carried salt?'), dimensions => 8) AS id")
        let done = try await eventually {
            try await gateway.scene.count("state = 'succeeded' AND request ->> 'input' LIKE 'Instruct: %Which ship%' "
                + "AND request ->> 'dimensions' = '8' AND tenant = 'default'") == 1
        }
        #expect(done)
        let values = try await database.query(
            """
            SELECT unnest(moed.embedding(id))::float8 AS value FROM moed.jobs
             WHERE tenant = 'default' AND request ->> 'input' LIKE 'Instruct: %'
            """
        ).map { try $0.value("value") as Double }
        #expect(Self.distance(values, Self.numbers(query["eight"])) < 1e-4, "\(values)")
        worker.signal(SIGTERM)
        #expect(try await worker.exitCode() == 0)
        try await gateway.close()
    }
}
