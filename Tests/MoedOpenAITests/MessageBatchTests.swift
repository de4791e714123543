import MoedCore
import MoedOpenAI
import Testing

/// Anthropic's form of batches.
struct MessageBatchTests {
    private static let uuid = String(repeating: "0b", count: 16)

    private func read(_ params: String) throws -> JSONValue {
        let request = try MessageBatchRequest(Array(#"{"requests":[{"custom_id":"a","params":\#(params)}]}"#.utf8))
        return try JSONValue(parsing: request.lines[0])
    }

    private func param(_ body: String) -> String? {
        do throws(APIError) {
            _ = try MessageBatchRequest(Array(body.utf8))
            return nil
        } catch {
            return error.param ?? error.code
        }
    }

    @Test func messagesAreChats() throws {
        let line = try read(
            #"""
            {"model":"m","max_tokens":9,"system":[{"type":"text","text":"be"}],"temperature":0.5,"stop_sequences":["x"],"metadata":{},
             "thinking":{"type":"enabled","budget_tokens":1024},
             "messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"b"}]}]}
            """#)
        #expect(line["custom_id"] == "a" && line["url"] == "/v1/chat/completions")
        #expect(
            line["body"] == [
                "model": "m", "max_tokens": 9, "temperature": 0.5,
                "messages": [
                    ["role": "system", "content": "be"], ["role": "user", "content": "a"], ["role": "assistant", "content": "b"],
                ], "stop": ["x"], "chat_template_kwargs": ["enable_thinking": true], "thinking_token_budget": 1024,
            ])
        #expect(
            try read(#"{"max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#)["body"]?["chat_template_kwargs"]
                == ["enable_thinking": false])
        for (params, name) in [
            (#"{"messages":[{"role":"user","content":"a"}]}"#, "max_tokens"), (#"{"max_tokens":1}"#, "messages"),
            (#"{"max_tokens":1,"messages":[{"role":"tool","content":"a"}]}"#, "messages[0].role"),
            (#"{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image"}]}]}"#, "messages[0].content[0]"),
            (#"{"max_tokens":1,"messages":[{"role":"user","content":"a"}],"tools":[]}"#, "tools"),
        ] {
            #expect(param(#"{"requests":[{"custom_id":"a","params":\#(params)}]}"#) == "requests[0].params.\(name)")
        }
        #expect(param("{}") == "requests" && param(#"{"requests":[{}]}"#) == "requests[0]")
    }

    @Test func countsSumToTheTotal() throws {
        var batch = BatchObject(id: BatchID(try #require(UUIDText(compact: Self.uuid))), status: "in_progress", createdAt: 951_782_400)
        (batch.total, batch.completed, batch.failed, batch.cancelled, batch.expired) = (10, 3, 4, 2, 1)
        let object = MessageBatchObject.of(batch, origin: "http://h")
        #expect(object["id"]?.string == "msgbatch_\(Self.uuid)" && object["processing_status"] == "in_progress")
        #expect(
            object["request_counts"] == ["processing": 3, "succeeded": 3, "errored": 1, "canceled": 2, "expired": 1])
        #expect(object["created_at"] == "2000-02-29T00:00:00Z" && object["results_url"] == .null)
        batch.status = "completed"
        batch.finishedAt = 4_107_542_399
        #expect(MessageBatchObject.of(batch, origin: "http://h")["ended_at"] == "2100-02-28T23:59:59Z")
        batch.finishedAt = 4_107_542_400
        #expect(MessageBatchObject.of(batch, origin: "http://h")["ended_at"] == "2100-03-01T00:00:00Z")
    }

    @Test func linesBecomeResults() throws {
        func result(_ line: String) throws -> JSONValue {
            let text = try #require(MessageResult.line(line))
            return try #require(try JSONValue(parsing: text)["result"])
        }
        let answer = try result(
            #"""
            {"custom_id":"a","response":{"status_code":200,"body":{"id":"chatcmpl-7","model":"m","choices":[{"message":{"content":"hi","reasoning":"hm"},
             "finish_reason":"stop","stop_reason":"x"}],"usage":{"prompt_tokens":5,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}}},"error":null}
            """#)
        #expect(answer["type"] == "succeeded")
        let message = try #require(answer["message"])
        #expect(message["id"] == "msg_7" && message["stop_reason"] == "stop_sequence" && message["stop_sequence"] == "x")
        #expect(message["content"]?.array?.map { $0["type"] } == ["thinking", "text"])
        #expect(message["usage"]?["input_tokens"] == 3 && message["usage"]?["cache_read_input_tokens"] == 2)
        #expect(try result(#"{"response":null,"error":{"code":"batch_expired"}}"#) == ["type": "expired"])
        #expect(try result(#"{"response":null,"error":{"code":"batch_cancelled"}}"#) == ["type": "canceled"])
        let error = try result(#"{"response":{"status_code":400,"body":{"error":{"message":"bad"}}},"error":null}"#)
        #expect(error["type"] == "errored" && error["error"]?["error"]?["message"] == "bad")
        #expect(MessageResult.line("{") == nil)
    }
}
