import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// A bad value ends its own job or line, says so, and leaves the statement of the others alone.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct BadValueTests {
    @Test func numbersBeyondTheirRangeAreInsertedAndRemarkedOn() async throws {
        let queue = try await Queue()
        let rows = try await queue.database.query(
            """
            INSERT INTO moed.jobs (prompt, priority, max_attempts, stop_token_ids, mode, max_tokens, seed)
            VALUES ('a', 40000, 100000, ARRAY[3000000000], NULL, NULL, NULL), ('b', 1e30, 0, ARRAY['NaN'::numeric], 'perhaps', 1e30, 1e40),
                   ('c', 'NaN', '-Infinity', '{}', 'non_thinking', 'NaN', '-Infinity'), ('d', 7, 3, ARRAY[1], 'thinking', 1, 1)
            RETURNING id
            """)
        #expect(rows.count == 4)
        let stored = try await queue.database.query(
            "SELECT concat_ws(' | ', priority, max_attempts, mode, warning) AS text FROM moed.jobs ORDER BY id"
        ).map { try $0.value("text", as: String.self) }
        #expect(
            stored == [
                "32767 | 1000 | thinking | priority 40000 is outside of -32767 to 32767; max_attempts 100000 is outside of 1 to 1000",
                "32767 | 1 | thinking | priority 1000000000000000000000000000000 is outside of -32767 to 32767; "
                    + "max_attempts 0 is outside of 1 to 1000",
                "32767 | 1 | non_thinking | priority NaN is outside of -32767 to 32767; max_attempts -Infinity is outside of 1 to 1000",
                "7 | 3 | thinking",
            ])
        // Warnings of the worker come after those of the enqueueing.
        let worker = try await queue.worker()
        let claimed = try await queue.store.claim(
            worker, JobClass(model: "default", mode: .thinking, bucket: 12), limit: 1)
        var completion = JobCompletion(try #require(claimed.first).lease)
        completion.warnings = ["cut"]
        _ = try await queue.store.complete([completion])
        let warning: String? = try await queue.database.value("SELECT warning AS value FROM moed.jobs WHERE prompt = 'a'")
        #expect(warning?.hasSuffix("max_attempts 100000 is outside of 1 to 1000; cut") == true)
        await queue.close()
    }

    @Test func manyAtOnceAreRemarkedOnToo() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script:
                "SELECT moed.enqueue_many(ARRAY['{}', '{}']::json[], priority => 40000, max_attempts => 3)")
        let warnings = try await queue.database.query("SELECT warning FROM moed.jobs").map {
            try $0.value("warning", as: String.self)
        }
        #expect(warnings == Array(repeating: "priority 40000 is outside of -32767 to 32767", count: 2))
        await queue.close()
    }

    @Test(arguments: [
        (
            "enqueue(prompt => 'x', idempotency_key => '')",
            "idempotency_key must have 1 to 512 characters, not 0"
        ),
        (
            "enqueue(prompt => 'x', idempotency_key => repeat('k', 513))",
            "idempotency_key must have 1 to 512 characters, not 513"
        ),
        ("enqueue(prompt => 'x', tenant => '')", "tenant must have 1 to 128 characters"),
        ("import_batch('', '{}')", "name must have 1 to 512 characters, not 0"),
        ("import_batch(NULL, '{}')", "name must have 1 to 512 characters, not 0"),
        (
            "import_batch('b', '{}', reasoning => 'perhaps')",
            "reasoning must be thinking or non_thinking, not \"…\""
        ),
        (
            "export_batch('00000000-0000-0000-0000-000000000000')",
            "there is no batch 00000000-0000-0000-0000-000000000000"
        ),
        (
            "cancel_batch('00000000-0000-0000-0000-000000000000')",
            "there is no batch 00000000-0000-0000-0000-000000000000"
        ),
    ])
    func whatRaisesSaysItInASentence(call: String, message: String) async throws {
        let database = try await QueueDatabase.create()
        let error = await #expect(throws: DatabaseError.self) {
            try await database.run(script: "SELECT moed.\(call)")
        }
        #expect(error?.message == message)
        await database.close()
    }

    @Test(arguments: ["UPDATE moed.jobs SET priority = 1", "DELETE FROM moed.jobs"])
    func theViewNamesTheFunctions(statement: String) async throws {
        let queue = try await Queue()
        for _ in 0..<2 {
            let error = await #expect(throws: DatabaseError.self) {
                try await queue.database.run(script: statement)
            }
            #expect(error?.message.hasPrefix("moed.jobs takes INSERT and SELECT only, not") == true)
            try await queue.add(1)
        }
        await queue.close()
    }

    /// PostgreSQL's own limit of nesting, at any depth of its stack.
    @Test func deepRequestsHarmNoOther() async throws {
        let queue = try await Queue()
        let connection = try await queue.database.connect()
        try await connection.run(script: "SET max_stack_depth = '200kB'")
        let deep = { (levels: Int) in
            #"{"custom_id":"deep","body":{"messages":"# + String(repeating: "[", count: levels)
                + String(repeating: "]", count: levels) + "}}"
        }
        let depths = Array(stride(from: 20, through: 2000, by: 20)) + [20_000]
        let lines = depths.map { deep($0).replacing("deep", with: "c\($0)") } + [BatchTests.line("good")]
        let text = lines.joined(separator: "\n")
        try await connection.query("SELECT moed.import_batch('b', \(text))")
        let good: Int? = try await queue.database.value(
            "SELECT count(*) AS value FROM moed.batch_line WHERE custom_id = 'good' AND job_id IS NOT NULL")
        #expect(good == 1)
        let faults = try await queue.database.query(
            "SELECT DISTINCT error_code, error_message LIKE '%nested too deeply%' AS said FROM moed.batch_line WHERE job_id IS NULL"
        )
        #expect(faults.count == 1)
        #expect(try faults.first?.value("said") == true)

        // Bodies that the client's cast accepts reach the functions with less stack left.
        for levels in depths {
            let body =
                #"{"messages":"# + String(repeating: "[", count: levels)
                + String(repeating: "]", count: levels) + "}"
            let kept =
                "DROP TABLE IF EXISTS deep; CREATE TEMPORARY TABLE deep AS SELECT '\(body)'::json AS body"
            guard (try? await connection.run(script: kept)) != nil else { break }
            try await connection.run(
                script: """
                    SELECT moed.enqueue(params => body, system => 's', messages => '[]') FROM deep;
                    SELECT moed.enqueue_many(ARRAY['{"messages":[]}', body]) FROM deep;
                    INSERT INTO moed.jobs (params) SELECT '{"messages":[]}'::json UNION ALL SELECT body FROM deep;
                    SELECT * FROM moed.jobs ORDER BY id DESC LIMIT 5
                    """)
        }
        await connection.close()
        await queue.close()
    }
}
