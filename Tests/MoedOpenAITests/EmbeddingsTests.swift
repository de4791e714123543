import MoedCore
import MoedOpenAI
import Testing

/// `POST /v1/embeddings`: a job for each input, and the answer in OpenAI's shape.
struct EmbeddingsTests {
    private func read(_ body: String) throws(APIError) -> DirectRequest { try DirectRequest(.embeddings, Array(body.utf8)) }

    private func bodies(_ body: String) throws -> [JSONValue] {
        try read(body).bodies.map { try JSONValue(parsing: $0) }
    }

    @Test func inputsAreJobs() throws {
        #expect(
            try bodies(#"{"model":"m","input":"a","dimensions":8,"encoding_format":"base64"}"#) == [
                ["model": "m", "input": "a", "dimensions": 8, "max_tokens": 1]
            ])
        #expect(
            try bodies(#"{"input":["a",[5,6],"b"]}"#) == [
                ["input": "a", "max_tokens": 1], ["input": [5, 6], "max_tokens": 1], ["input": "b", "max_tokens": 1],
            ])
        #expect(try bodies(#"{"input":[5,6]}"#) == [["input": [5, 6], "max_tokens": 1]])
        #expect(try read(#"{"input":"a"}"#).isStreamed == false)
        let many = [String](repeating: "\"a\"", count: 2049).joined(separator: ",")
        for (body, name) in [
            ("{}", "input"), (#"{"input":""}"#, "input"), (#"{"input":[]}"#, "input"), (#"{"input":["a",""]}"#, "input"),
            (#"{"input":[1,"a"]}"#, "input"), (#"{"input":{}}"#, "input"), (#"{"input":[\#(many)]}"#, "input"),
            (#"{"input":"a","encoding_format":"int8"}"#, "encoding_format"), (#"{"input":"a","max_tokens":3}"#, "max_tokens"),
            (#"{"input":"a","messages":[]}"#, "messages"),
        ] {
            let error = #expect(throws: APIError.self) { try read(body) }
            #expect(error?.param == name && error?.status == 400, "\(body.prefix(80))")
        }
    }

    @Test func answersAreLists() throws {
        func answer(_ numbers: [JSONValue], _ tokens: Int64) -> JSONValue {
            [
                "object": "list", "model": "m",
                "data": [["object": "embedding", "index": 0, "embedding": .array(numbers)]],
                "usage": ["prompt_tokens": .integer(tokens), "completion_tokens": 0, "total_tokens": .integer(tokens)],
            ]
        }
        let answers = [answer([0.5, -1], 3), answer([1, 0.25], 4)]
        #expect(
            try read(#"{"input":["a","b"]}"#).object(answers) == [
                "object": "list",
                "data": [
                    ["object": "embedding", "index": 0, "embedding": [0.5, -1]],
                    ["object": "embedding", "index": 1, "embedding": [1, 0.25]],
                ], "model": "m", "usage": ["prompt_tokens": 7, "total_tokens": 7],
            ])
        // 0x3F000000, 0xBF800000, least significant byte first.
        let encoded = try read(#"{"input":["a","b"],"encoding_format":"base64"}"#).object(answers)
        #expect(encoded["data"]?.array?.map { $0["embedding"] } == ["AAAAPwAAgL8=", "AACAPwAAgD4="])
        let odd = try read(#"{"input":"a","encoding_format":"base64"}"#).object([answer([0.1], 1)])
        #expect(odd["data"]?.array?.first?["embedding"] == "zczMPQ==")
    }
}
