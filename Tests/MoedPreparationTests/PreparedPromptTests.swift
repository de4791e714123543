import Foundation
import MoedBatching
import MoedCore
import MoedPreparation
import TestSupport
import Testing

/// Prompts of token ids: detected thinking mode, the field named in errors, and ids without embedding.
@Suite struct PreparedPromptTests {
    static let limits = EngineLimits(
        contextLength: 64, kvTokens: 64, kvBlockTokens: 16, sequencesMax: 4, rowsPerSweepMax: 64)

    let preparer: RequestPreparer

    init() throws {
        preparer = RequestPreparer(
            text: try TextSide(directory: Fixtures.sampleModel.path),
            limits: Self.limits, maxTokensDefault: nil)
    }

    func task(_ body: JSONValue) throws -> GenerationTask {
        try preparer.prepare(
            try GenerationRequest(body: body), job: JobID(1), model: "sample", bucket: nil, seed: 0,
            waited: .zero)
    }

    /// Ids 638 and 639 are `<think>` and `</think>`, 198 is a line feed.
    @Test(arguments: [
        (ids: [5, 6], thinks: true, startsOpen: false),
        (ids: [5, 638, 198], thinks: true, startsOpen: true),
        // The template writes this when thinking is off: nothing may be injected into such an answer.
        (ids: [5, 638, 198, 198, 639, 198, 198], thinks: false, startsOpen: false),
        // A thought of an earlier turn.
        (ids: [638, 5, 639, 198, 6], thinks: true, startsOpen: false),
    ])
    func promptIDsTellWhetherThinkingIsOver(ids: [Int], thinks: Bool, startsOpen: Bool) throws {
        let prompt = JSONValue.array(ids.map { .integer(Int64($0)) })
        let policy = try task(["prompt_ids": prompt, "thinking_token_budget": 3]).thinking
        #expect(policy.isEnabled == thinks)
        #expect(policy.startsOpen == startsOpen)
    }

    @Test func theRequestsOwnModeWins() throws {
        let closed: JSONValue = [5, 639]
        let task = try task(["prompt_ids": closed, "chat_template_kwargs": ["enable_thinking": true]])
        #expect(task.thinking.isEnabled)
        #expect(task.jobClass.mode == .thinking)
    }

    @Test func promptsThatDoNotFitNameTheirField() throws {
        let ids = JSONValue.array(Array(repeating: 5, count: 64))
        let question = String(repeating: "number ", count: 100)
        for (body, field): (JSONValue, String) in [
            (["prompt_ids": ids], "prompt_ids"),
            (["messages": [["role": "user", "content": .string(question)]]], "messages"),
        ] {
            let error = #expect(throws: RequestError.self) { try task(body) }
            #expect(error?.code == .contextLengthExceeded)
            #expect(error?.param == field)
        }
    }

    /// The sample model's text files with one more token in the tokenizer, over an embedding of `rows` rows.
    func textSide(rows: Int64) throws -> TextSide {
        let checkpoint = try TestCheckpoint()
        func source(_ name: String) throws -> JSONValue {
            try JSONValue(parsing: Array(Data(contentsOf: Fixtures.sampleModel.appending(path: name))))
        }
        var tokenizer = try #require(try source("tokenizer.json").object)
        let extra: JSONValue = ["id": 640, "content": "<extra>", "special": true]
        tokenizer["added_tokens"] = .array((tokenizer["added_tokens"]?.array ?? []) + [extra])
        try checkpoint.write("tokenizer.json", JSONValue.object(tokenizer).serialized())
        try checkpoint.write("tokenizer_config.json", try source("tokenizer_config.json").serialized())
        var configuration = try #require(try source("config.json").object)
        configuration["vocab_size"] = .integer(rows)
        try checkpoint.write("config.json", JSONValue.object(configuration).serialized())
        return try TextSide(directory: checkpoint.path)
    }

    /// Tokens without embedding are refused, because they would fail the whole batch in the engine.
    @Test(arguments: [(Int64(640), true), (Int64(641), false), (Int64(704), false)])
    func tokensWithoutEmbeddingAreRefused(rows: Int64, isRefused: Bool) throws {
        let preparer = RequestPreparer(
            text: try textSide(rows: rows), limits: Self.limits, maxTokensDefault: nil)
        for (body, field): (JSONValue, String) in [
            (["prompt_ids": [5, 640]], "prompt_ids[1]"),
            (["messages": [["role": "system", "content": "a <extra>"], ["role": "user", "content": "b"]]], "messages"),
        ] {
            let request = try GenerationRequest(body: body)
            func prepare() throws -> GenerationTask {
                try preparer.prepare(
                    request, job: JobID(1), model: "sample", bucket: nil, seed: 0, waited: .zero)
            }
            if isRefused {
                let error = #expect(throws: RequestError.self) { try prepare() }
                #expect(error?.param == field)
                #expect(error?.message.contains("640") == true)
            } else {
                #expect(try prepare().prompt.contains(640))
            }
        }
    }

    @Test func aTokenizerWhoseThinkTagsHaveNoEmbeddingIsRefused() throws {
        let error = #expect(throws: EngineError.self) { try textSide(rows: 600) }
        #expect(error?.message.contains("tokenizer.json") == true)
        #expect(error?.message.contains("vocab_size") == true)
    }

    /// A named pipe in place of a file must not be waited for.
    @Test func filesThatAreNoneAreNotWaitedFor() throws {
        let checkpoint = try TestCheckpoint()
        let made = unsafe mkfifo(checkpoint.path + "/tokenizer.json", 0o600)
        #expect(made == 0)
        let error = #expect(throws: EngineError.self) { try TextSide(directory: checkpoint.path) }
        #expect(error?.message.contains("not a regular file") == true)
    }
}
