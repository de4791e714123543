import MoedCore
import MoedOpenAI
import Testing

/// Requests whose clients wait, and their answers in the form of each endpoint.
struct DirectRequestTests {
    private static let completion: JSONValue = [
        "id": "chatcmpl-42", "object": "chat.completion", "created": 3, "model": "m",
        "choices": [
            [
                "index": 0, "message": ["role": "assistant", "content": "hi", "reasoning": "hm"],
                "logprobs": [
                    "content": [
                        ["token": "h", "logprob": -0.5, "top_logprobs": [["token": "h", "logprob": -0.5]]],
                        ["token": "i", "logprob": -1.5, "top_logprobs": []],
                    ]
                ], "finish_reason": "stop",
            ]
        ],
        "usage": [
            "prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9, "prompt_tokens_details": ["cached_tokens": 2],
            "completion_tokens_details": ["reasoning_tokens": 3],
        ],
    ]

    private func read(_ kind: DirectRequest.Kind, _ body: String) throws(APIError) -> DirectRequest {
        try DirectRequest(kind, Array(body.utf8))
    }

    private func bodies(_ kind: DirectRequest.Kind, _ body: String) throws -> [JSONValue] {
        try read(kind, body).bodies.map { try JSONValue(parsing: $0) }
    }

    private func param(_ kind: DirectRequest.Kind, _ body: String) -> String? {
        do throws(APIError) {
            _ = try read(kind, body)
            return nil
        } catch {
            return error.param ?? error.code
        }
    }

    @Test func promptsOfCompletionsAreJobs() throws {
        #expect(try bodies(.completions, #"{"prompt":"a","n":2,"stream":false}"#) == [["n": 2, "prompt_text": "a"]])
        #expect(
            try bodies(.completions, #"{"model":"m","prompt":["a",[5,6]],"logprobs":1}"#) == [
                ["model": "m", "logprobs": true, "top_logprobs": 1, "prompt_text": "a"],
                ["model": "m", "logprobs": true, "top_logprobs": 1, "prompt_ids": [5, 6]],
            ])
        #expect(try bodies(.completions, #"{"prompt":[5,6]}"#) == [["prompt_ids": [5, 6]]])
        for (body, name) in [
            ("{}", "prompt"), (#"{"prompt":""}"#, "prompt"), (#"{"prompt":[]}"#, "prompt"), (#"{"prompt":[1,"a"]}"#, "prompt"),
            (#"{"prompt":{}}"#, "prompt"), (#"{"prompt":"a","suffix":"b"}"#, "suffix"), (#"{"prompt":"a","logprobs":-1}"#, "logprobs"),
            (#"{"prompt":"a","messages":[]}"#, "messages"), (#"{"prompt":"a","stream":1}"#, "stream"),
            (#"{"prompt":[\#([String](repeating: "\"a\"", count: 65).joined(separator: ","))]}"#, "prompt"),
        ] {
            #expect(param(.completions, body) == name, "\(body)")
        }
    }

    @Test func completionsAreAnsweredInTheirForm() throws {
        let request = try read(.completions, #"{"prompt":["a","b"],"stream":true,"stream_options":{"include_usage":true}}"#)
        let answer = request.object([Self.completion, Self.completion])
        #expect(answer["object"] == "text_completion" && answer["id"] == "cmpl-42")
        let choices = try #require(answer["choices"]?.array)
        #expect(choices.map { $0["index"] } == [0, 1] && choices.allSatisfy { $0["text"] == "hi" && $0["reasoning"] == "hm" })
        #expect(
            choices[0]["logprobs"] == [
                "tokens": ["h", "i"], "token_logprobs": [-0.5, -1.5], "top_logprobs": [["h": -0.5], [:]], "text_offset": [0, 1],
            ])
        #expect(answer["usage"] == ["prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18])
        let events = request.events([Self.completion, Self.completion])
        #expect(events.count == 4 && events.last == "data: [DONE]\n\n" && request.opening(job: JobID(1), createdAt: 1) == [])
    }

    @Test func responsesAreChats() throws {
        #expect(
            try bodies(.responses, #"{"model":"m","input":"a","instructions":"be","max_output_tokens":7,"top_k":3,"store":true}"#) == [
                [
                    "model": "m", "top_k": 3, "max_completion_tokens": 7,
                    "messages": [["role": "system", "content": "be"], ["role": "user", "content": "a"]],
                ]
            ])
        let list = #"""
            {"instructions":"x","reasoning":{"effort":"low"},"text":{"format":{"type":"json_schema","name":"n","schema":{}}},"input":[
              {"role":"developer","content":"y"},{"type":"message","role":"user","content":[{"type":"input_text","text":"a"}]},
              {"type":"reasoning","summary":[]},{"role":"assistant","content":[{"type":"output_text","text":"b"}]}]}
            """#
        #expect(
            try bodies(.responses, list) == [
                [
                    "reasoning_effort": "low",
                    "response_format": ["type": "json_schema", "json_schema": ["name": "n", "schema": [:]]],
                    "messages": [
                        ["role": "system", "content": "x\n\ny"], ["role": "user", "content": "a"],
                        ["role": "assistant", "content": "b"],
                    ],
                ]
            ])
        for (body, name) in [
            ("{}", "input"), (#"{"input":[]}"#, "input"), (#"{"input":[{"role":"x","content":""}]}"#, "input[0].role"),
            (#"{"input":[{"type":"function_call"}]}"#, "input[0].type"),
            (#"{"input":[{"role":"user","content":[{"type":"input_image"}]}]}"#, "input[0].content[0]"),
            (#"{"input":"a","previous_response_id":"r"}"#, "previous_response_id"), (#"{"input":"a","tools":[{}]}"#, "tools"),
            (#"{"input":"a","background":true}"#, "background"), (#"{"input":"a","instructions":1}"#, "instructions"),
            (#"{"input":"a","max_tokens":1}"#, "max_tokens"), (#"{"input":"a","reasoning":1}"#, "reasoning"),
        ] {
            #expect(param(.responses, body) == name, "\(body)")
        }
    }

    @Test func aResponseHasItsItemsAndUsage() throws {
        let request = try read(.responses, #"{"input":"a","metadata":{"k":"v"},"temperature":0.5}"#)
        let answer = request.object([Self.completion])
        #expect(answer["id"] == "resp_42" && answer["status"] == "completed" && answer["metadata"] == ["k": "v"])
        #expect(answer["temperature"] == 0.5 && answer["model"] == "m" && answer["incomplete_details"] == .null)
        #expect(answer["output"]?.array?.map { $0["type"] } == ["reasoning", "message"])
        #expect(
            answer["usage"] == [
                "input_tokens": 5, "input_tokens_details": ["cached_tokens": 2], "output_tokens": 4,
                "output_tokens_details": ["reasoning_tokens": 3], "total_tokens": 9,
            ])
        var cut = Self.completion.object ?? JSONObject()
        cut["choices"] = [["message": ["content": "h"], "finish_reason": "length"]]
        #expect(request.object([.object(cut)])["incomplete_details"] == ["reason": "max_output_tokens"])
    }

    /// The numbers of the events follow each other, and the first ones come before the answer.
    @Test func aResponseIsStreamed() throws {
        let request = try read(.responses, #"{"input":"a","stream":true}"#)
        let events = request.opening(job: JobID(42), createdAt: 3) + request.events([Self.completion])
        let objects = try events.map { event in
            try JSONValue(parsing: String(try #require(event.split(separator: "\n").last).dropFirst(6)))
        }
        #expect(objects.enumerated().allSatisfy { $1["sequence_number"]?.integer == $0 })
        #expect(
            objects.compactMap { $0["type"]?.string?.replacing("response.", with: "") } == [
                "created", "in_progress", "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done",
                "content_part.done", "output_item.done", "output_item.added", "content_part.added", "output_text.delta",
                "output_text.done", "content_part.done", "output_item.done", "completed",
            ])
        #expect(objects[0]["response"]?["id"] == objects.last?["response"]?["id"])
        #expect(request.event(.invalid("bad", param: "p")).hasPrefix("event: error\ndata: "))
    }
}
