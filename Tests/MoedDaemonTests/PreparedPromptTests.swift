import Foundation
import MoedBatching
import MoedCore
import MoedDaemon
import TestSupport
import Testing

/// What ready token ids tell about thinking, and which field a prompt that does not fit is blamed on.
@Suite struct PreparedPromptTests {
    let preparer: RequestPreparer

    init() throws {
        preparer = RequestPreparer(
            text: try TextSide(directory: Fixtures.sampleModel.path),
            limits: EngineLimits(
                contextLength: 64, kvTokens: 64, kvBlockTokens: 16, sequencesMax: 4, rowsPerSweepMax: 64),
            maxTokensDefault: nil)
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
        // What the template writes when thinking is off: nothing may be injected into such an answer.
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
        #expect(task.group.mode == .thinking)
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
}
