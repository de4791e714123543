import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// `moed.rerank()` against transformers, by the recipe of Qwen3-Reranker's card: `Tests/Fixtures/reranker/record.py`.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct RerankTests {
    private static let fixture = Fixtures.packageRoot.appending(path: "Tests/Fixtures/reranker")
    private let folder: TemporaryFolder

    /// The model with the sample model's tokenizer, which gets the tokens `yes` and `no`.
    init() throws {
        folder = try TemporaryFolder()
        try folder.copy(Self.fixture.path, to: "model")
        let sample = Fixtures.sampleModel
        var tokenizer = try #require(JSONValue(parsing: Fixtures.bytes(sample.appending(path: "tokenizer.json"))).object)
        var added = tokenizer["added_tokens"]?.array ?? []
        for (id, word) in [(640, "yes"), (641, "no")] {
            added.append([
                "id": .integer(Int64(id)), "content": .string(word), "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": false,
            ])
        }
        tokenizer["added_tokens"] = .array(added)
        try folder.write("model/tokenizer.json", Array(JSONValue.object(tokenizer).serialized().utf8))
        try folder.copy(sample.appending(path: "tokenizer_config.json").path, to: "model/tokenizer_config.json")
    }

    @Test func relevancesAreTransformers() async throws {
        let scene = try await Scene()
        let expected = try JSONValue(parsing: Fixtures.bytes(Self.fixture.appending(path: "expected.json")))
        let cases = expected["cases"]?.array ?? []
        let documents = cases.map { "$d$\($0["document"]?.string ?? "")$d$" }.joined(separator: ", ")
        try await scene.database.run(
            script: """
                CREATE TABLE found AS
                SELECT d.place, d.job_id
                  FROM unnest(moed.rerank('\(expected["query"]?.string ?? "")', ARRAY[\(documents), NULL])) WITH ORDINALITY
                    AS d(job_id, place);
                SELECT moed.rerank(NULL, '{a}'), moed.rerank('q', '{}'), moed.rerank('q', NULL);
                """)
        #expect(try await scene.count("true") == Int64(cases.count))
        let result = try await MoedProgram.run(scene.arguments(model: folder.path("model"), drains: true))
        #expect(result.status == 0, "\(result.errors)")
        let rows = try await scene.database.query(
            """
            SELECT f.place, coalesce(moed.relevance(f.job_id), -1) AS relevance, coalesce(j.prompt_tokens, 0)::int8 AS tokens
              FROM found f LEFT JOIN moed.jobs j ON j.id = f.job_id ORDER BY f.place
            """)
        try #require(rows.count == cases.count + 1)
        for (row, one) in zip(rows, cases) {
            let relevance: Double = try row.value("relevance")
            #expect(abs(relevance - (one["relevance"]?.number ?? 9)) < 2e-4, "\(one)")
            let tokens: Int64 = try row.value("tokens")
            #expect(tokens == Int64(one["tokens"]?.integer ?? 0))
        }
        let missing: Double = try #require(rows.last).value("relevance")
        #expect(missing == -1)
        // Without the tokens among the most probable ones, the probability is that under the constraint.
        try await scene.database.run(
            script: """
                UPDATE moed.job_result r SET body = json_build_object('choices', json_build_array(json_build_object(
                  'logprobs', json_build_object('content', json_build_array(json_build_object('top_logprobs', '[]'::json))),
                  'choice_probabilities', json_build_object('yes', 0.25, 'no', 0.75))))
                 WHERE job_id = (SELECT job_id FROM found WHERE place = 1)
                """)
        let other = try await scene.database.value(
            "SELECT moed.relevance(job_id) AS value FROM found WHERE place = 1", as: Double.self)
        #expect(other == 0.25)
    }
}
