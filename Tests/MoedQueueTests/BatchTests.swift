import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct BatchTests {
    func importing(_ queue: Queue, _ lines: String) async throws -> String {
        try #require(
            try await queue.database.value(
                "SELECT moed.import_batch('night', \(lines))::text AS value", as: String.self))
    }

    func export(_ queue: Queue, _ batch: String) async throws -> [JSONValue] {
        try await queue.database.query("SELECT moed.export_batch(\(batch)::uuid) AS line").map {
            try JSONValue(parsing: try $0.value("line"))
        }
    }

    static func line(
        _ id: String, body: String = #"{"messages":[{"role":"user","content":"q"}],"max_tokens":1}"#
    )
        -> String
    {
        #"{"custom_id":"\#(id)","method":"POST","url":"/v1/chat/completions","body":\#(body)}"#
    }

    @Test func everyLineIsAnsweredAndTheGoodOnesRun() async throws {
        let queue = try await Queue()
        let file = [
            "\u{FEFF}" + Self.line("first"), "", Self.line("crlf") + "\r", "{", "[1]", #"{"body":{}}"#,
            Self.line("first"), Self.line("post").replacing("POST", with: "GET"),
            Self.line("url").replacing("chat/completions", with: "completions"), Self.line("body", body: "1"),
            Self.line(String(repeating: "x", count: 513)),
            Self.line("nul", body: #"{"messages":[{"role":"user","content":"\u0000 \ud800"}],"n":-1}"#),
            Self.line(#"\ud83d\ude00"#, body: #"{"a":"\ud83d\udca9 \ud83d"}"#),
            Self.line(#"\ud83d\ude01"#, body: #"{"a":"\udca9"}"#),
            #"{"x":{"a":"\ufffd"},"custom_id":"twice","body":{"a":"\u0000"}}"#,
        ].joined(separator: "\n")
        let batch = try await importing(queue, file)
        let errors = try await queue.database.query(
            "SELECT concat_ws(' ', line, error_code, error_param) AS text FROM moed.batch_line WHERE job_id IS NULL ORDER BY line"
        ).map { try $0.value("text", as: String.self) }
        #expect(
            errors == [
                "4 invalid_json", "5 invalid_value", "6 missing_required_parameter custom_id",
                "7 duplicate_custom_id custom_id", "8 invalid_value method", "9 invalid_value url",
                "10 invalid_value body", "11 invalid_value custom_id",
            ])
        let jobs = try await queue.database.query(
            "SELECT custom_id FROM moed.batch_line WHERE job_id IS NOT NULL ORDER BY line")
        #expect(
            try jobs.map { try $0.value("custom_id", as: String.self) } == [
                "first", "crlf", "nul", "😀", "😁", "twice",
            ])
        // The body goes in byte for byte.
        #expect(
            try await queue.database.value(
                "SELECT count(*) AS value FROM moed.job_request WHERE body::text LIKE '%\\\\u0000 \\\\ud800%'",
                as: Int64.self) == 1)
        #expect(try await export(queue, batch).count == 8, "what has not ended is left out")
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    /// A line with an escape that PostgreSQL cannot read is searched for its body: other members may look like it.
    @Test(arguments: [
        #"{"x":{"m":1},"body" : {"m":1},"z":{"m":1},"q":"\u0000"}"#, #"{"x":[{},{},{}],"body":{},"q":"\u0000"}"#,
        #"{"body":{},"q":"{} \u0000","body": {}}"#, #"{"q":"\u0000","x":"é{}{}","z":{"body":{}},"body":{}}"#,
    ])
    func theBodyIsFoundAmongItsDoubles(line: String) async throws {
        let queue = try await Queue()
        let places = try await queue.database.query(
            """
            SELECT overlay(r.readable PLACING '"here"' FROM p.place FOR length(r.readable::json ->> 'body'))::json
                     ->> 'body' AS found
              FROM (SELECT moed.readable_json(\(line)) AS readable) r,
                   moed.place_of_body(r.readable, r.readable::json ->> 'body') AS p(place)
            """)
        #expect(try places.map { try $0.value("found", as: String.self) } == ["here"])
        await queue.close()
    }

    @Test func anEmptyFileIsRefused() async throws {
        let queue = try await Queue()
        for text in ["", "\n\r\n"] {
            await #expect(throws: (any Error).self) { _ = try await importing(queue, text) }
        }
        #expect(
            try await queue.database.value("SELECT count(*) AS value FROM moed.batch", as: Int64.self) == 0)
        await queue.close()
    }

    @Test func answersComeOutInOpenAIsForm() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let jobClass = JobClass(model: "default", mode: .thinking, bucket: 5)
        let batch = try await importing(queue, (1...5).map { Self.line("c\($0)") }.joined(separator: "\n"))
        let claimed = try await queue.store.claim(worker, jobClass, limit: 3)
        #expect(claimed.count == 3)
        _ = try await queue.store.complete([JobCompletion(claimed[0].lease)])
        _ = try await queue.store.fail([
            JobFailure(
                lease: claimed[1].lease, code: "context_length_exceeded", message: "too long",
                param: "messages",
                retryable: false)
        ])
        let stopped: Int64? = try await queue.database.value(
            "SELECT moed.cancel_batch(\(batch)::uuid)::bigint AS value", as: Int64.self)
        #expect(stopped == 3)
        func counts() async throws -> String? {
            try await queue.database.value(
                """
                SELECT concat_ws(' ', status, lines, unfinished, completed, failed, cancelled, prompt_tokens, total_tokens)
                         AS value FROM moed.batches WHERE id = \(batch)::uuid
                """, as: String.self)
        }
        #expect(try await counts() == "cancelling 5 1 1 1 2 5 14")
        _ = try await queue.store.release([JobRelease(lease: claimed[2].lease)])
        #expect(try await counts() == "cancelled 5 0 1 1 3 5 14")

        let lines = try await export(queue, batch)
        #expect(lines.map { $0["custom_id"]?.string } == ["c1", "c2", "c3", "c4", "c5"])
        #expect(lines[0]["response"]?["status_code"]?.integer == 200)
        #expect(lines[0]["response"]?["body"]?["choices"]?.array == [])
        #expect(lines[0]["error"] == .null)
        #expect(lines[1]["response"]?["status_code"]?.integer == 400)
        let error = lines[1]["response"]?["body"]?["error"]
        #expect(error?["code"]?.string == "context_length_exceeded")
        #expect(error?["param"]?.string == "messages")
        #expect(lines[2]["response"] == .null)
        #expect(lines[2]["error"]?["code"]?.string == "batch_cancelled")
        // A pruned job's line stays, and so does its account.
        _ = try await queue.store.prune(olderThan: .zero)
        #expect(try await export(queue, batch).allSatisfy { $0["error"]?["code"]?.string == "pruned" })
        #expect(try await counts() == "completed 5 0 0 0 0 5 14")
        await queue.close()
    }
}
