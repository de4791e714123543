import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Clients of OpenAI's API, a gateway, a worker and the sample model.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct GatewayTests {
    /// A file of requests: good ones, an empty line, a line that is no JSON, a request that fails.
    static let file: String = {
        var lines = (1...40).map { number in
            let question = #"{"role": "user", "content": "What is \#(number) + 17?"}"#
            return
                #"{"custom_id": "q\#(number)", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": [\#(question)], "temperature": 0, "max_tokens": 60}}"#
        }
        lines.insert("", at: 3)
        lines.insert("{no json", at: 7)
        lines.append(#"{"custom_id": "bad", "body": {"messages": [], "max_tokens": -1}}"#)
        return lines.joined(separator: "\n") + "\n"
    }()

    @Test(.enabled(if: GatewayScene.python != nil, Comment(rawValue: GatewayScene.missingClients)))
    func theOfficialClientMakesABatch() async throws {
        let gateway = try await GatewayScene()
        let database = gateway.scene.database
        let worker = try gateway.scene.start()
        let folder = try TemporaryFolder()
        let paths = ["in.jsonl", "out.jsonl", "err.jsonl"].map { folder.path($0) }
        try Self.file.write(toFile: paths[0], atomically: true, encoding: .utf8)
        let seen = try await gateway.client("openai_batch.py", paths)

        let exported = try await database.query(
            """
            SELECT o.is_answer, o.text FROM moed.batch b CROSS JOIN LATERAL moed.batch_output(b.id) o
             WHERE b.time_window = '24h' ORDER BY o.line
            """)
        let lines = try exported.map { row in (try row.value("is_answer", as: Bool.self), try row.value("text", as: String.self)) }
        func text(_ isAnswer: Bool) -> String { lines.filter { $0.0 == isAnswer }.map { $0.1 + "\n" }.joined() }
        #expect(try String(contentsOfFile: paths[1], encoding: .utf8) == text(true))
        #expect(try String(contentsOfFile: paths[2], encoding: .utf8) == text(false))
        #expect(lines.count == 42 && lines.count(where: \.0) == 40)

        let batch = try #require(seen["batch"])
        for (name, count) in [("total", 42), ("completed", 40), ("failed", 2)] {
            #expect(batch["request_counts"]?[name]?.integer == count, "\(name)")
        }
        #expect(batch["metadata"] == ["night": "1"])
        #expect(batch["errors"]?["data"]?.array?.first?["line"] == 8)
        let total: Int64? = try await database.value(
            "SELECT total_tokens::bigint AS value FROM moed.batches WHERE name = 'in.jsonl' ORDER BY created_at LIMIT 1")
        #expect(batch["usage"]?["total_tokens"]?.integer == total.map { Int($0) })
        for name in ["created_at", "in_progress_at", "expires_at", "finalizing_at", "completed_at"] {
            #expect(batch[name]?.integer != nil, "\(name)")
        }
        try check(seen)
        worker.signal(SIGTERM)
        #expect(try await worker.exitCode() == 0)
        #expect(try await gateway.scene.accountingFaults() == [])
        #expect(!gateway.gateway.logText.contains(gateway.key))
        try await gateway.close()
    }

    private func check(_ seen: JSONValue) throws {
        for name in ["roundtrip", "pages", "files", "deleted"] { #expect(seen[name] == true, "\(name)") }
        #expect(seen["bytes"]?.integer == Self.file.utf8.count)
        #expect(seen["statuses"]?.array?.last == "completed")
        #expect(seen["models"]?.array?.contains("default") == true)
        #expect(["cancelled", "completed"].contains(seen["second"]?.string))
        #expect(
            seen["refusals"] == [
                "file": [404, "not_found", nil], "batch": [404, "not_found", nil],
                "key": [401, "invalid_api_key", nil], "endpoint": [400, "invalid_value", "endpoint"],
                "purpose": [400, "invalid_value", "purpose"], "text": [400, "invalid_value", "file"],
            ])
    }

    @Test(.enabled(if: GatewayScene.python != nil, Comment(rawValue: GatewayScene.missingClients)))
    func theOfficialClientGetsAnswers() async throws {
        let gateway = try await GatewayScene()
        let worker = try gateway.scene.start()
        // Without a live worker requests are refused, so it is waited for.
        #expect(try await eventually { try await gateway.scene.database.value("SELECT count(*) AS value FROM moed.worker") == 1 })
        let seen = try await gateway.client("openai_chat.py")
        #expect(seen["content"] == "27 + 58 = 85.")
        #expect(seen["streamed"] == seen["content"])
        #expect(seen["usage"] == seen["streamedUsage"])
        #expect(seen["reason"] == "stop")
        #expect(
            seen["refusals"] == [
                "model": [404, "model_not_found", "model"], "temperature": [400, "invalid_value", "temperature"],
            ])
        worker.signal(SIGTERM)
        #expect(try await worker.exitCode() == 0)
        #expect(try await gateway.scene.accountingFaults() == [])
        try await gateway.close()
    }

    /// A client goes while its request waits: the job is cancelled.
    @Test func aClientThatGoesCancelsItsRequest() async throws {
        let gateway = try await GatewayScene()
        let database = gateway.scene.database
        // A worker that is alive and takes nothing.
        try await database.run(
            script: """
                INSERT INTO moed.worker (host, pid, version, models, expires_at)
                VALUES ('test', 1, '0', ARRAY[1], now() + interval '1 hour')
                """)
        let caller = gateway.caller
        let waiting = Task {
            try await caller.request("POST", "/chat/completions", body: #"{"messages":[{"role":"user","content":"x"}]}"#)
        }
        #expect(try await eventually { try await gateway.scene.count("state = 'queued' AND priority = 1000") == 1 })
        waiting.cancel()
        #expect(try await eventually { try await gateway.scene.count("state = 'cancelled'") == 1 })
        // A gateway that stops answers those who wait, and cancels their requests.
        let answered = Task {
            try await caller.request("POST", "/chat/completions", body: #"{"messages":[{"role":"user","content":"x"}]}"#)
        }
        #expect(try await eventually { try await gateway.scene.count("state = 'queued'") == 1 })
        gateway.gateway.signal(SIGTERM)
        #expect(try await answered.value.status == 503)
        #expect(try await eventually { try await gateway.scene.count("state = 'cancelled'") == 2 })
        try await gateway.close()
    }

    /// What a gateway's role and a key may not do.
    @Test func keysAreCheckedInTheDatabase() async throws {
        let gateway = try await GatewayScene()
        let database = gateway.scene.database
        let role = "\(database.name)_gate"
        for statement in [
            "SELECT * FROM moed.job", "SELECT * FROM moed.api_key", "SELECT * FROM moed.api_file_part",
            "SELECT moed.enqueue(prompt => 'x')", "SELECT moed.key_tenant('x', 'chat')",
            "SELECT moed.create_key('app', repeat('0', 64), 'x')", "SELECT * FROM moed.jobs",
        ] {
            await #expect(throws: DatabaseError.self, "\(statement)") {
                try await database.run(script: "BEGIN; SET LOCAL ROLE \(role); \(statement)")
            }
            try await database.run(script: "ROLLBACK")
        }
        #expect(try await gateway.request("GET", "/models").status == 200)
        try await database.run(script: "UPDATE moed.api_key SET scopes = '{chat}'")
        #expect(try await gateway.request("GET", "/files").status == 403)
        try await database.run(script: "UPDATE moed.api_key SET expires_at = now()")
        #expect(try await gateway.request("GET", "/models").status == 401)
        try await database.run(script: "UPDATE moed.api_key SET expires_at = NULL, scopes = '{batches,chat}'")
        let revoked = try await MoedProgram.run(["key", "revoke", "1", "--database", database.conninfo])
        #expect(revoked.status == 0)
        #expect(try await gateway.request("GET", "/models").status == 401)
        let list = try await MoedProgram.run(["key", "list", "--json", "--database", database.conninfo])
        #expect(list.output.contains(#""tenant": "app""#) || list.output.contains(#""tenant":"app""#))
        #expect(!list.output.contains(gateway.key))
        // Neither the key nor its digest is in the database.
        let rows = try await database.query("SELECT k::text AS row FROM moed.api_key k")
        #expect(try rows.allSatisfy { try !$0.value("row", as: String.self).contains(SHA256.hexadecimal(gateway.key)) })
        try await gateway.close()
    }

    /// Requests that no client sends: each has an answer, and the gateway lives.
    @Test func hostileRequestsAreAnswered() async throws {
        let gateway = try await GatewayScene(["gateway.file_bytes": "1000", "gateway.file_lines": "3", "gateway.body_bytes": "2000"])
        let form = "multipart/form-data; boundary=x"
        func upload(_ text: String) -> String { GatewayScene.form(text).body }
        let cases: [(String, String, String?, [String: String], Int)] = [
            ("GET", "/files/../../etc/passwd", nil, [:], 404), ("GET", "/files/file-%2e%2e", nil, [:], 404),
            ("PUT", "/files", nil, [:], 405), ("GET", "/nothing", nil, [:], 404),
            ("POST", "/batches", "{", [:], 400), ("POST", "/batches", "[]", [:], 400),
            ("POST", "/chat/completions", String(repeating: "[", count: 1500), [:], 400),
            ("POST", "/chat/completions", String(repeating: " ", count: 3000), [:], 413),
            ("POST", "/files", upload(String(repeating: "x", count: 2000)), ["Content-Type": form], 413),
            ("POST", "/files", upload("1\n2\n3\n4\n"), ["Content-Type": form], 400),
            ("POST", "/files", "--x\r\n", ["Content-Type": form], 400),
            ("POST", "/files", "hello", [:], 400),
            ("POST", "/files", upload("1\n\n2\n"), ["Content-Type": form], 200),
            ("GET", "/files?limit=0", nil, [:], 400),
        ]
        for (method, path, body, headers, status) in cases {
            let answer = try await gateway.request(method, path, body: body, headers: headers)
            #expect(answer.status == status, "\(method) \(path): \(answer)")
            if status == 200 { #expect(answer.body.contains(#""filename":"a""#) || answer.body.contains(#""filename": "a""#)) }
        }
        let huge = try? await gateway.request("GET", "/models", headers: ["X-Huge": String(repeating: "h", count: 50_000)])
        #expect(huge == nil || huge?.status == 400)
        #expect(try await gateway.request("GET", "/models").status == 200)
        try await gateway.close()
    }

    /// A gateway is killed while it adds the lines of a file: the next one adds the rest, and none twice.
    @Test func aKilledGatewayLosesNothing() async throws {
        let gateway = try await GatewayScene()
        let database = gateway.scene.database
        let lines = (0..<4000).map { number in
            #"{"custom_id": "\#(number)", "body": {"messages": [{"role": "user", "content": "\#(String(repeating: "x", count: 500))"}]}}"#
        }
        let form = GatewayScene.form(lines.joined(separator: "\n"))
        let file = try JSONValue(parsing: try await gateway.request("POST", "/files", body: form.body, headers: form.headers).body)
        let id = try #require(file["id"]?.string)
        let created = try await gateway.request(
            "POST", "/batches", body: #"{"input_file_id":"\#(id)","endpoint":"/v1/chat/completions","completion_window":"24h"}"#)
        #expect(created.status == 200, "\(created)")
        let isFrozen = try await gateway.gateway.freeze {
            try await database.value(
                """
                SELECT count(*) AS value FROM moed.batch b LEFT JOIN moed.batch_import i ON i.batch_id = b.id
                 WHERE b.sealed_at IS NOT NULL OR i.next_part > 0
                """) == 1
        }
        #expect(isFrozen)
        gateway.gateway.signal(SIGKILL)
        #expect(try await gateway.gateway.exitCode() == -SIGKILL)
        let port = try #require(URL(string: gateway.baseURL)?.port)
        let next = try GatewayScene.start(gateway.scene, port: UInt16(port))
        #expect(
            try await eventually {
                try await database.value("SELECT count(*) AS value FROM moed.batch WHERE sealed_at IS NOT NULL") == 1
            }, "\(next.logText)")
        #expect(try await gateway.scene.count("true") == 4000)
        #expect(try await database.value("SELECT count(DISTINCT custom_id) AS value FROM moed.batch_line", as: Int64.self) == 4000)
        next.signal(SIGTERM)
        #expect(try await next.exitCode() == 0, "\(next.logText)")
    }
}
