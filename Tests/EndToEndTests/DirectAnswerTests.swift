import Foundation
import FoundationNetworking
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Completions and responses, limits of keys, and files that expire.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct DirectAnswerTests {
    @Test(.enabled(if: GatewayScene.python != nil, Comment(rawValue: GatewayScene.missingClients)))
    func theOfficialClientGetsCompletionsAndResponses() async throws {
        let gateway = try await GatewayScene()
        let worker = try gateway.scene.start()
        #expect(try await eventually { try await gateway.scene.database.value("SELECT count(*) AS value FROM moed.worker") == 1 })
        let seen = try await gateway.client("openai_direct.py")
        // The prompt is the chat's, as the template writes it.
        let answer = try #require(seen["chat"])
        #expect(answer.string?.hasPrefix("27 + 58 = ") == true)
        #expect(seen["texts"] == [answer, answer] && seen["indices"] == [0, 1])
        #expect(seen["streamed"] == answer)
        for name in ["tokens", "usage", "streamedUsage", "responseUsage", "continued"] { #expect(seen[name] == true, "\(name)") }
        #expect(seen["response"]?.string?.isEmpty == false && seen["status"] == "completed" && seen["metadata"] == ["k": "v"])
        #expect(seen["deltas"] == seen["response"] && seen["final"] == seen["response"])
        #expect(seen["cut"] == "max_output_tokens")
        #expect(
            seen["refusals"] == [
                "echo": [400, "echo", nil], "suffix": [400, "suffix", nil], "previous": [400, "previous_response_id", nil],
                "retrieve": [404, nil, nil], "long": [400, "prompt_text", nil],
            ])
        worker.signal(SIGTERM)
        #expect(try await worker.exitCode() == 0)
        #expect(try await gateway.scene.accountingFaults() == [])
        try await gateway.close()
    }

    /// Status and `Retry-After` of a direct request.
    private static func ask(
        _ baseURL: String, _ key: String, _ tokens: Int
    ) async throws -> (status: Int, retry: Int?, body: String) {
        var request = URLRequest(url: try #require(URL(string: baseURL + "/chat/completions")))
        request.httpMethod = "POST"
        request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization")
        request.httpBody = Data(#"{"messages":[{"role":"user","content":"x"}],"max_tokens":\#(tokens)}"#.utf8)
        let (data, response) = try await URLSession.shared.data(for: request)
        let answer = try #require(response as? HTTPURLResponse)
        return (
            answer.statusCode, answer.value(forHTTPHeaderField: "Retry-After").flatMap { Int($0) },
            String(decoding: data, as: UTF8.self)
        )
    }

    @Test func busyGatewaysSayWhenToComeAgain() async throws {
        let gateway = try await GatewayScene()
        let database = gateway.scene.database
        // No worker is alive.
        let refused = try await Self.ask(gateway.baseURL, gateway.key, 10)
        #expect(refused.status == 429 && refused.retry == 1 && refused.body.contains("no worker is alive"), "\(refused)")
        try await database.run(
            script: """
                INSERT INTO moed.worker (host, pid, version, models, expires_at)
                VALUES ('test', 1, '0', ARRAY[1], now() + interval '1 hour')
                """)
        try await database.run(script: "SELECT moed.pause('tenant', 'app')")
        #expect(try await Self.ask(gateway.baseURL, gateway.key, 10).status == 429)
        try await database.run(script: "SELECT moed.resume('tenant', 'app')")

        let key = try await GatewayScene.newKey(
            gateway.scene, ["--requests-per-minute", "3", "--tokens-per-minute", "1000"])
        let baseURL = gateway.baseURL
        let tooLarge = try await Self.ask(baseURL, key, 5000)
        #expect(tooLarge.status == 400 && tooLarge.body.contains("max_tokens"), "\(tooLarge)")
        let waiting = Task { try await Self.ask(baseURL, key, 800) }
        #expect(try await eventually { try await gateway.scene.count("state = 'queued'") == 1 })
        // The first request has reserved its tokens.
        let second = try await Self.ask(baseURL, key, 800)
        #expect(second.status == 429 && (1...60).contains(second.retry ?? 0), "\(second)")
        #expect(second.body.contains("rate_limit_error"))
        // It ends without an answer, and gives them back.
        try await database.run(script: "SELECT moed.cancel(id) FROM moed.job")
        #expect(try await waiting.value.status == 503)
        for place in 2...3 {
            let next = Task { try await Self.ask(baseURL, key, 800) }
            #expect(try await eventually { try await gateway.scene.count("state = 'queued'") == 1 }, "\(place)")
            try await database.run(script: "SELECT moed.cancel(id) FROM moed.job WHERE state = 'queued'")
            _ = try await next.value
        }
        let fourth = try await Self.ask(baseURL, key, 1)
        #expect(fourth.status == 429 && fourth.body.contains("3 requests of this minute"), "\(fourth)")
        // A minute later there is room again.
        try await database.run(script: "UPDATE moed.api_key_use SET at = at - interval '1 minute'")
        let late = Task { try await Self.ask(baseURL, key, 800) }
        #expect(try await eventually { try await gateway.scene.count("state = 'queued'") == 1 })
        late.cancel()
        try await gateway.close()
    }

    @Test func filesAndOutputsExpire() async throws {
        let gateway = try await GatewayScene()
        let database = gateway.scene.database
        let form = GatewayScene.form(#"{"custom_id":"a","body":{"messages":[{"role":"user","content":"x"}]}}"#)
        let file = try JSONValue(parsing: try await gateway.request("POST", "/files", body: form.body, headers: form.headers).body)
        let id = try #require(file["id"]?.string)
        let created = try await gateway.request(
            "POST", "/batches",
            body: """
                {"input_file_id":"\(id)","endpoint":"/v1/chat/completions","completion_window":"24h",
                 "output_expires_after":{"anchor":"created_at","seconds":3600}}
                """)
        let batch = try #require(try JSONValue(parsing: created.body)["id"]?.string, "\(created)")
        func batchNow() async throws -> JSONValue { try JSONValue(parsing: try await gateway.request("GET", "/batches/\(batch)").body) }
        #expect(try await eventually { try await batchNow()["status"] == "in_progress" })
        try await database.run(script: "SELECT moed.cancel(id) FROM moed.job")
        let errors = try #require(try await batchNow()["error_file_id"]?.string)
        let shown = try JSONValue(parsing: try await gateway.request("GET", "/files/\(errors)").body)
        let (from, until) = (shown["created_at"]?.integer, shown["expires_at"]?.integer)
        #expect(until == from.map { $0 + 3600 })
        #expect(try await gateway.request("GET", "/files/\(errors)/content").status == 200)
        try await database.run(
            script: """
                UPDATE moed.batch SET sealed_at = sealed_at - interval '2 h';
                UPDATE moed.batch_delta SET last_end = last_end - interval '2 h';
                UPDATE moed.batch_count SET last_end = last_end - interval '2 h'
                """)
        #expect(try await batchNow()["error_file_id"] == .null)
        #expect(try await gateway.request("GET", "/files/\(errors)/content").status == 404)
        // An upload that has expired is nowhere, and no batch is made of it.
        try await database.run(script: "UPDATE moed.api_file SET expires_at = now() + interval '1 h'")
        #expect(try await gateway.request("GET", "/files/\(id)").status == 200)
        try await database.run(script: "UPDATE moed.api_file SET expires_at = now() - interval '1 s'")
        for path in ["/files/\(id)", "/files/\(id)/content"] { #expect(try await gateway.request("GET", path).status == 404) }
        let again = try await gateway.request(
            "POST", "/batches", body: #"{"input_file_id":"\#(id)","endpoint":"/v1/chat/completions","completion_window":"24h"}"#)
        #expect(again.status == 404, "\(again)")
        #expect(try await eventually { try await database.value("SELECT count(*) AS value FROM moed.api_file", as: Int64.self) == 0 })
        try await gateway.close()
    }
}
