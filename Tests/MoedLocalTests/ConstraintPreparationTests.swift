import Foundation
import MoedBatching
import MoedCore
import MoedLocal
import MoedPreparation
import MoedText
import TestSupport
import Testing

/// Constraints of requests with the sample model's tokenizer: compiled, priced and refused before they run.
@Suite struct ConstraintPreparationTests {
    let text: TextSide
    let preparer: RequestPreparer

    init() throws {
        text = try TextSide(directory: Fixtures.sampleModel.path)
        let limits = EngineLimits(
            contextLength: 512, kvTokens: 1024, kvBlockTokens: 32, sequencesMax: 4, rowsPerSweepMax: 64)
        preparer = RequestPreparer(text: text, limits: limits, maxTokensDefault: 100)
    }

    private func prepare(_ more: (String, JSONValue)...) throws -> GenerationTask {
        let body = JSONValue.object(JSONObject([("messages", [["role": "user", "content": "Hi"]])] + more))
        return try preparer.prepare(
            try GenerationRequest(body: body), job: JobID(7), model: "m", bucket: nil, seed: 7, waited: .zero)
    }

    private func format(_ schema: JSONValue) -> (String, JSONValue) {
        ("response_format", ["type": "json_schema", "json_schema": ["name": "n", "schema": schema]])
    }

    private static let person: JSONValue = [
        "type": "object", "properties": ["name": ["type": "string"], "age": ["type": "integer"]],
        "required": ["name", "age"], "additionalProperties": false,
    ]

    @Test func aSchemaBecomesAConstraint() throws {
        var task = try prepare(format(Self.person), ("reasoning_effort", "none"))
        let first = try #require(task.constraint?.mask(room: 100))
        for token in first.tokens { #expect(text.tokenizer.decode([token]).first == "{") }
        for token in text.tokenizer.encodePlain(#"{"name":"Zoë","age":7}"#) {
            #expect(task.constraint?.mask(room: 100).contains(token) == true)
            task.constraint?.accept(token)
        }
        #expect(task.constraint?.isFinished == true && task.warnings.isEmpty)
    }

    @Test func theReserveHoldsTheShortestAnswer() throws {
        let task = try prepare(format(Self.person), ("max_tokens", 90))
        let shortest = try #require(task.constraint?.distanceToEnd)
        #expect(
            task.thinking.isEnabled
                && task.thinking.reserve.tokens - task.thinking.reserve.injection.count > shortest)
        #expect(throws: RequestError.self) { try prepare(format(Self.person), ("max_tokens", 5)) }
    }

    @Test func refusalsNameFieldAndKeyword() {
        #expect {
            try prepare(format(["type": "array", "uniqueItems": true]))
        } throws: { error in
            guard let error = error as? RequestError else { return false }
            return error.param == "response_format.json_schema.schema"
                && error.message.contains("uniqueItems")
        }
    }

    @Test func stopsHaveNoEffect() throws {
        let task = try prepare(format(Self.person), ("stop", "}"), ("reasoning_effort", "none"))
        #expect(task.stopStrings.isEmpty && task.warnings.contains { $0.contains("no effect") })
    }
}
