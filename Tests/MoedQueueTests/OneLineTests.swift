import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Thin functions over `moed.enqueue`, what reads their answers, and notifications of the end.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct OneLineTests {
    private func id(_ queue: Queue, _ call: String) async throws -> Int64 {
        try #require(try await queue.database.run(script: "SELECT moed.\(call) AS id").first).value("id")
    }

    private func request(_ queue: Queue, _ id: Int64) async throws -> GenerationRequest {
        let body = try await queue.database.value(
            "SELECT body AS value FROM moed.job_request WHERE job_id = \(id)", as: String.self)
        return try GenerationRequest(body: try JSONValue(parsing: try #require(body)))
    }

    @Test(arguments: [
        ("enqueue('x', schema => ' {\"type\": \"object\"}')", RequestedConstraint(
            .schema(["type": "object"], isStrict: true), param: "structured_outputs.json")),
        ("enqueue('x', choices => ARRAY['a\"', 'b'])", RequestedConstraint(
            .choices(["a\"", "b"]), param: "structured_outputs.choice")),
        ("enqueue('x', regex => 'a\\d')", RequestedConstraint(.regex("a\\d"), param: "structured_outputs.regex")),
        ("classify('x', ARRAY['a', 'b'])", RequestedConstraint(
            .choices(["a", "b"]), param: "structured_outputs.choice")),
        ("classify('x', ARRAY['b\"', 'a', 'b\"'], multi => true)", RequestedConstraint(
            .schema(
                [
                    "type": "object", "properties": ["b\"": ["type": "boolean"], "a": ["type": "boolean"]],
                    "required": ["b\"", "a"], "additionalProperties": false,
                ], isStrict: true), param: "structured_outputs.json")),
        ("extract('x', '{\"enum\": [1]}')", RequestedConstraint(
            .schema(["enum": [1]], isStrict: true), param: "structured_outputs.json")),
    ])
    func constraintsReachTheWorker(call: String, constraint: RequestedConstraint) async throws {
        let queue = try await Queue()
        let request = try await request(queue, try await id(queue, call))
        #expect(request.constraint == constraint)
        await queue.close()
    }

    /// A bad value fails its own job, and names its member.
    @Test(arguments: [
        ("enqueue('x', choices => '{a}', regex => 'a')", "structured_outputs"),
        ("enqueue('x', choices => '{}')", "structured_outputs.choice"),
        ("classify('x', NULL)", "structured_outputs.choice"), ("classify('x', '{NULL}')", "structured_outputs.choice"),
        ("enqueue('x', schema => '3')", "structured_outputs.json"), ("extract('x', 'null')", "structured_outputs"),
    ])
    func badValuesNameTheirMember(call: String, param: String) async throws {
        let queue = try await Queue()
        let id = try await id(queue, call)
        do {
            _ = try await request(queue, id)
            Issue.record("\(call) is accepted")
        } catch let error as RequestError {
            #expect(error.param == param)
        }
        await queue.close()
    }

    /// As with functions of PostgreSQL: of nothing comes nothing.
    @Test func aTextThatIsNullIsNoJob() async throws {
        let queue = try await Queue()
        for call in [
            "ask(NULL)", "summarise(NULL)", "translate(NULL, 'Dutch')", "classify(NULL, '{a}')", "extract(NULL, '{}')",
        ] {
            let rows = try await queue.database.run(script: "SELECT moed.\(call) AS id")
            #expect(try rows.first?.optional("id", as: Int64.self) == .some(nil), "\(call)")
        }
        #expect(try await queue.database.value("SELECT count(*) AS value FROM moed.job", as: Int64.self) == 0)
        await queue.close()
    }

    @Test func promptsAndLimitsAreThoseOfTheTask() async throws {
        let queue = try await Queue()
        func expect(_ call: String, _ system: String?, _ user: String, _ mode: ReasoningMode?, _ tokens: Int?) async throws {
            let request = try await request(queue, try await id(queue, call))
            guard case .messages(let messages) = request.prompt else { throw TestFailure("no messages") }
            #expect(messages.last?["content"]?.string == user, "\(call)")
            let first = messages.count > 1 ? messages[0]["content"]?.string ?? "" : nil
            #expect((first == nil) == (system == nil) && first?.contains(system ?? "") != false, "\(call): \(first ?? "")")
            #expect(request.mode == mode && request.maxTokens == tokens, "\(call)")
        }
        try await expect("ask('why?')", nil, "why?", nil, nil)
        try await expect("summarise('t', 20)", "at most 20 words", "t", .nonThinking, 184)
        try await expect("translate('1234', 'French')", "into French", "1234", .nonThinking, 260)
        try await expect("translate('t', 'French', reasoning => 'thinking')", "French", "t", .thinking, 4353)
        try await expect("extract('t', '{}', 'Dates as written.')", "\n{}\n\nDates as written.", "t", .nonThinking, 4096)
        try await expect("classify('t', '{a,longer}')", "- a\n- longer", "t", .nonThinking, 38)
        try await expect("classify('t', '{a}', max_tokens => 7)", "- a", "t", .nonThinking, 7)
        await queue.close()
    }

    @Test func answersAreReadInTheirTypes() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let jobs: [(call: String, content: String, expression: String, expected: String?)] = [
            ("classify('x', '{a,b}')", "b", "classification", #"{"label": "b", "labels": ["b"]}"#),
            (
                "classify('x', '{b,a,c}', multi => true)", #"{"b":true,"a":true,"c":false}"#, "classification",
                #"{"labels": ["b", "a"]}"#
            ),
            ("extract('x', '{}')", #"{"a":[1.50]}"#, "extraction", #"{"a": [1.50]}"#),
            ("extract('x', '{}')", #""\u0000\ud800""#, "extraction", "\"\u{FFFD}\u{FFFD}\""),
            ("extract('x', '{}')", "1e99999999", "extraction", nil), ("ask('x')", "no json", "extraction", nil),
            ("ask('x')", " as it is\n", "answer", " as it is\n"),
        ]
        var expected: [(id: Int64, expression: String, text: String?)] = []
        var contents: [Int64: String] = [:]
        for job in jobs {
            let id = try await id(queue, job.call)
            contents[id] = job.content
            expected.append((id, job.expression, job.expected))
        }
        func read(_ expression: String, _ id: Int64) async throws -> String? {
            let rows = try await queue.database.run(script: "SELECT moed.\(expression)(\(id))::text AS value")
            return try #require(rows.first).optional("value")
        }
        for row in expected { #expect(try await read(row.expression, row.id) == nil) }
        for backlog in try await queue.store.backlog(models: ["default"]) {
            let claimed = try await queue.store.claim(worker, backlog.jobClass, limit: 9)
            _ = try await queue.store.complete(
                claimed.map { JobCompletion($0.lease, content: contents[$0.id.rawValue] ?? "") })
        }
        for row in expected { #expect(try await read(row.expression, row.id) == row.text, "\(row)") }
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func theProbabilitiesOfLabelsAreAskedFor() async throws {
        let queue = try await Queue()
        for (params, seed) in [("NULL", nil), ("' { }'", nil), (#"' {"seed": 4}'"#, UInt64(4))] {
            let request = try await request(queue, try await id(queue, "classify('x', '{a,b}', params => \(params))"))
            #expect(request.showsChoiceProbabilities && request.seed == seed && request.choices == 1)
        }
        let many = try await request(queue, try await id(queue, "classify('x', '{a,b}', multi => true)"))
        #expect(!many.showsChoiceProbabilities)
        await queue.close()
    }

    @Test func metadataComesBack() async throws {
        let queue = try await Queue()
        _ = try await id(queue, #"enqueue('x', metadata => '{"row": 7, "s": "\u0000"}')"#)
        try await queue.database.run(
            script: #"INSERT INTO moed.jobs (prompt, metadata, notify) VALUES ('y', '[1]', true), ('z', NULL, NULL)"#)
        let found = try await queue.database.query("SELECT metadata::text AS m, notify AS n FROM moed.jobs ORDER BY id")
        #expect(try found.map { try $0.optional("m", as: String.self) } == [nil, "[1]", nil])
        #expect(try found.map { try $0.value("n", as: Bool.self) } == [false, true, false])
        try await queue.database.run(
            script: #"""
                SELECT moed.cancel_batch(moed.import_batch('b', '{"custom_id":"1","body":{"metadata":{"k":"v"},"n":1}}
                {"custom_id":"2","body":{"metadata":null}}
                {"custom_id":"3","body":{}}'))
                """#)
        let lines = try await queue.database.query("SELECT moed.export_batch(id) AS line FROM moed.batch").map {
            try JSONValue(parsing: try $0.value("line", as: String.self))
        }
        #expect(lines.map { $0["metadata"] } == [["k": "v"], nil, nil])
        #expect(lines.allSatisfy { $0["error"]?["code"] == "batch_cancelled" })
        await queue.close()
    }

    /// Every way to end notifies those that asked for it, and nobody else.
    @Test func endsAreNotified() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let listener = try await queue.database.connect()
        try await listener.listen("moed_done")
        /// Waits for so many notifications, and a moment for more.
        func heard(_ count: Int) async throws -> [String] {
            var payloads: [String] = []
            while let next = try await listener.notification(
                timeout: payloads.count < count ? .seconds(600) : .milliseconds(50))
            {
                payloads.append(next.payload)
            }
            return payloads.sorted()
        }
        try await queue.database.run(
            script: """
                INSERT INTO moed.jobs (prompt, reasoning, max_tokens, notify, max_attempts)
                SELECT 'q', 'non_thinking', 1, i < 5, 2 FROM generate_series(1, 6) AS i
                """)
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 6)
        try #require(claimed.count == 6)
        #expect(try await heard(0) == [])
        _ = try await queue.store.complete([claimed[0], claimed[5]].map { JobCompletion($0.lease) })
        _ = try await queue.store.fail([
            JobFailure(lease: claimed[1].lease, code: "c", message: "m", retryable: false),
            JobFailure(lease: claimed[2].lease, code: "c", message: "m", retryable: true),
        ])
        _ = try await queue.store.release([JobRelease(lease: claimed[3].lease)])
        #expect(try await heard(2) == ["1", "2"])
        try await queue.database.run(script: "SELECT moed.cancel(4)")
        #expect(try await heard(1) == ["4"])
        // Run again and ended again, it notifies again.
        try await queue.database.run(script: "SELECT moed.redrive(2), moed.cancel(2)")
        #expect(try await heard(1) == ["2"])
        await listener.close()
        await queue.close()
    }

    @Test func theEndOfABatchIsNotifiedOnce() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let listener = try await queue.database.connect()
        try await listener.listen("moed_done")
        let body = #""body":{"messages":[{"role":"user","content":"q"}],"max_tokens":1,"reasoning":"non_thinking"}"#
        let lines = ["{", #"{"custom_id":"1",\#(body)}"#, #"{"custom_id":"2",\#(body)}"#, "", "{"].joined(separator: "\n")
        let batch = try #require(
            try await queue.database.value(
                "SELECT moed.import_batch('n', \(lines), notify => true)::text AS value", as: String.self))
        func wait() async throws -> String? {
            try await queue.database.value(
                "SELECT moed.wait_batch(\(batch)::uuid, '50 ms') AS value", as: String.self)
        }
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 6)
        try #require(claimed.count == 2)
        for (index, job) in claimed.enumerated() {
            #expect(try await queue.store.dueMaintenance().contains(.announce))
            _ = try await queue.store.maintain()
            #expect(try await listener.notification(timeout: .milliseconds(50)) == nil)
            #expect(
                try await queue.database.value("SELECT ended_line AS value FROM moed.batch", as: Int32.self)
                    == [1, 2][index])
            #expect(try await wait() == "in_progress")
            _ = try await queue.store.complete([JobCompletion(job.lease)])
        }
        #expect(try await wait() == "completed")
        _ = try await queue.store.maintain()
        #expect(try await listener.notification(timeout: .seconds(600))?.payload == batch)
        #expect(try await !queue.store.dueMaintenance().contains(.announce))
        _ = try await queue.store.maintain()
        #expect(try await listener.notification(timeout: .milliseconds(50)) == nil)
        await listener.close()
        await queue.close()
    }
}
