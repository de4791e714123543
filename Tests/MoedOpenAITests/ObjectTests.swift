import MoedCore
import MoedOpenAI
import Testing

struct ObjectTests {
    private static let uuid = String(repeating: "0b", count: 16)

    @Test func aBatchHasAllMembers() throws {
        let id = BatchID(try #require(UUIDText(compact: Self.uuid)))
        var batch = BatchObject(id: id, status: "completed", createdAt: 1)
        batch.sealedAt = 2
        batch.expiresAt = 9
        batch.finishedAt = 5
        batch.usage.prompt = 7
        batch.usage.completion = 4
        batch.hasOutput = true
        let object = try #require(batch.object.object)
        #expect(
            Set(object.members.map(\.key)) == [
                "id", "object", "endpoint", "model", "errors", "input_file_id", "completion_window", "status", "output_file_id",
                "error_file_id", "created_at", "in_progress_at", "expires_at", "finalizing_at", "completed_at", "failed_at",
                "expired_at", "cancelling_at", "cancelled_at", "request_counts", "usage", "metadata",
            ])
        #expect(object["usage"]?["total_tokens"] == 11)
        #expect(object["output_file_id"]?.string == "file-output-\(Self.uuid)")
        #expect(object["error_file_id"] == .null && object["completed_at"] == 5 && object["failed_at"] == .null)
        for (status, time) in [("failed", "failed_at"), ("expired", "expired_at"), ("cancelled", "cancelled_at")] {
            batch.status = status
            #expect(batch.object[time] == 5 && batch.object["completed_at"] == .null)
        }
    }

    @Test func batchRequestsAreChecked() {
        let file = "file-\(Self.uuid)"
        func param(_ body: String) -> String? {
            do throws(APIError) {
                _ = try BatchRequest(Array(body.utf8))
                return nil
            } catch {
                return error.param ?? error.code
            }
        }
        let good = #""input_file_id":"\#(file)","endpoint":"/v1/chat/completions","completion_window":"24h""#
        #expect(param("{\(good)}") == nil)
        #expect(param("{\(good),\"metadata\":{\"a\":\"b\"}}") == nil)
        #expect(param("{\(good),\"metadata\":{\"a\":1}}") == "metadata")
        #expect(param("{\(good),\"metadata\":[]}") == "metadata")
        #expect(param("{\(good),\"x\":1}") == "x")
        #expect(param(#"{\#(good),"output_expires_after":{"anchor":"created_at","seconds":3600}}"#) == nil)
        for expiry in [#"{"anchor":"created_at","seconds":60}"#, #"{"seconds":3600}"#, "3600"] {
            #expect(param(#"{\#(good),"output_expires_after":\#(expiry)}"#) == "output_expires_after")
        }
        #expect(param("{\(good.replacing("24h\"", with: "24h\",\"output_expires_after\":{}"))}") == "output_expires_after")
        #expect(param("{\(good.replacing("chat/completions", with: "embeddings"))}") == "endpoint")
        #expect(param("{\(good.replacing(file, with: "file-output-\(Self.uuid)"))}") == "input_file_id")
        #expect(param("{}") == "input_file_id")
        #expect(param("[") == "invalid_json")
    }

    @Test func chatRequestsLoseOnlyTheirStream() throws {
        let request = try ChatRequest(Array(#"{"stream":true,"a":1.0,"stream_options":{"include_usage":true},"b":null}"#.utf8))
        #expect(request == (try ChatRequest(Array(#"{"a":1.0,"b":null,"stream":true,"stream_options":{"include_usage":true}}"#.utf8))))
        #expect(request.isStreamed && request.showsUsage)
        #expect(try JSONValue(parsing: request.body) == ["a": 1.0, "b": nil])
        #expect(throws: APIError.self) { try ChatRequest(Array(#"{"stream":1}"#.utf8)) }
    }

    @Test func aStreamHoldsTheAnswer() throws {
        let call: JSONValue = ["id": "c", "type": "function", "function": ["name": "f", "arguments": "{}"]]
        let completion: JSONValue = [
            "id": "x", "object": "chat.completion", "created": 3, "model": "m",
            "choices": [
                [
                    "index": 0, "message": ["role": "assistant", "content": "hi", "refusal": nil, "tool_calls": .array([call])],
                    "finish_reason": "stop",
                ]
            ],
            "usage": ["total_tokens": 9],
        ]
        let events = ChatChunks.events(completion, showsUsage: true)
        #expect(events.last == "data: [DONE]\n\n" && events.count == 4)
        #expect(events.allSatisfy { $0.hasPrefix("data: ") && $0.hasSuffix("\n\n") })
        let chunks = try events.dropLast().map { try JSONValue(parsing: String($0.dropFirst(6))) }
        #expect(chunks.allSatisfy { $0["object"] == "chat.completion.chunk" && $0["id"] == "x" })
        let delta = chunks[0]["choices"]?.array?.first?["delta"]
        #expect(delta?["content"] == "hi" && delta?["refusal"] == nil)
        #expect(delta?["tool_calls"]?.array?.first?["index"] == 0)
        #expect(chunks[1]["choices"]?.array?.first?["finish_reason"] == "stop")
        #expect(chunks[2]["choices"] == [] && chunks[2]["usage"] == ["total_tokens": 9])
    }
}
