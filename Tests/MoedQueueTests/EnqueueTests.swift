import Foundation
import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct EnqueueTests {
    private func body(_ queue: Queue, _ id: Int64) async throws -> String {
        try #require(
            try await queue.database.value("SELECT body AS value FROM moed.job_request WHERE job_id = \(id)"))
    }

    private func enqueue(_ queue: Queue, _ arguments: String) async throws -> Int64 {
        let rows = try await queue.database.run(script: "SELECT moed.enqueue(\(arguments)) AS id")
        return try #require(rows.first).value("id")
    }

    @Test(arguments: [
        ("prompt => 'hi'", #"{"messages":[{"role":"user","content":"hi"}]}"#),
        (
            "prompt => 'hi', system => 'be \"brief\"', reasoning => 'non_thinking', max_tokens => 9",
            #"{"messages":[{"role":"system","content":"be \"brief\""},{"role":"user","content":"hi"}],"max_tokens":9,"#
                + #""chat_template_kwargs":{"enable_thinking":false}}"#
        ),
        (
            "prompt => 'x', reasoning => 'thinking', temperature => 0.6, top_p => 0.95, top_k => 20, min_p => 0, "
                + "presence_penalty => 1.5, frequency_penalty => -1, repetition_penalty => 1.1, seed => 9223372036854775807, "
                + "stop => ARRAY['a\"', 'b'], stop_token_ids => ARRAY[1, 2], thinking_token_budget => 64",
            #"{"messages":[{"role":"user","content":"x"}],"temperature":0.6,"top_p":0.95,"top_k":20,"min_p":0,"#
                + #""presence_penalty":1.5,"frequency_penalty":-1,"repetition_penalty":1.1,"seed":9223372036854775807,"#
                + #""stop":["a\"","b"],"stop_token_ids":[1,2],"thinking_token_budget":64,"#
                + #""chat_template_kwargs":{"enable_thinking":true}}"#
        ),
        // Messages keep every byte, and their keys' order.
        (
            #"messages => '[ {"content" : "\u00e9\ud800\u0000", "role":"user", "role":"user"} ]'"#,
            #"{"messages":[ {"content" : "\u00e9\ud800\u0000", "role":"user", "role":"user"} ]}"#
        ),
        (
            #"messages => ' [{"role":"user","content":"a"}]', system => 's'"#,
            #"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#
        ),
        (#"messages => '[]', system => 's'"#, #"{"messages":[{"role":"system","content":"s"}]}"#),
        (
            #"params => ' { "messages": [], "n": 2 } ', model => 'm', prompt => 'x'"#,
            #"{"messages": [], "n": 2,"model":"m","messages":[{"role":"user","content":"x"}]}"#
        ),
        ("params => '{}'", "{}"),
        (
            #"prompt => 'x', reasoning => 'thinking', params => '{"chat_template_kwargs": {"a": 1}}'"#,
            #"{"chat_template_kwargs": {"a": 1},"messages":[{"role":"user","content":"x"}],"#
                + #""chat_template_kwargs":{"a": 1,"enable_thinking":true}}"#
        ),
    ])
    func bodiesAreBuilt(arguments: String, expected: String) async throws {
        let queue = try await Queue()
        let id = try await enqueue(queue, arguments)
        #expect(try await body(queue, id) == expected)
        await queue.close()
    }

    /// A bad value is stored and gives the daemon an error that names the field; its neighbours are not touched.
    @Test(arguments: [
        ("max_tokens => -3", "max_tokens"), ("max_tokens => 0.5", "max_tokens"),
        ("max_tokens => 1e300", "max_tokens"),
        ("max_tokens => 'NaN'", "max_tokens"), ("temperature => 99", "temperature"),
        ("temperature => 'NaN'", "temperature"), ("temperature => 'Infinity'", "temperature"),
        ("top_p => -1", "top_p"), ("top_k => -7", "top_k"), ("seed => 1e40", "seed"),
        ("stop => ARRAY[NULL]::text[]", "stop"), ("stop_token_ids => ARRAY[-1]", "stop_token_ids[0]"),
        ("thinking_token_budget => -2", "thinking_token_budget"),
        ("reasoning => 'perhaps'", "reasoning"),
        ("reasoning => ''", "reasoning"), ("params => '[1]'", "params"), ("params => '3'", "params"),
        (#"params => '{"temprature": 1}'"#, "temprature"),
        (#"messages => '[{"role":"user","content":"y"}]'"#, "prompt"),
    ])
    func badValuesAreStored(arguments: String, param: String) async throws {
        let queue = try await Queue()
        let id = try await enqueue(queue, "prompt => 'x', \(arguments)")
        let value = try JSONValue(parsing: try await body(queue, id))
        let error = #expect(throws: RequestError.self) { try GenerationRequest(body: value) }
        #expect(error?.param == param)
        #expect(try await queue.state(JobID(id)) == "queued")
        await queue.close()
    }

    @Test(arguments: [
        "messages => '{}'", "messages => 'null'", "messages => '\"x\"'", "messages => '3', system => 's'",
        "messages => '[3]'",
        "system => NULL", #"params => '{"messages":"\u0000"}'"#,
    ])
    func badShapesAreStored(arguments: String) async throws {
        let queue = try await Queue()
        let id = try await enqueue(queue, arguments)
        let value = try JSONValue(parsing: try await body(queue, id))
        let error = #expect(throws: RequestError.self) { try GenerationRequest(body: value) }
        #expect(error?.param?.hasPrefix("messages") == true)
        await queue.close()
    }

    @Test func aBulkInsertWithBadRowsGoesThrough() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script: """
                CREATE TEMPORARY TABLE mine (prompt text, reasoning text, max_tokens float8, temperature float8, messages json);
                INSERT INTO mine VALUES
                  ('fine', 'thinking', 5, 1, NULL), ('bad', 'what?', -5, 1e300, NULL), (NULL, NULL, NULL, NULL, '{"a":"\\ud800"}'),
                  (NULL, NULL, NULL, NULL, NULL), ('inf', NULL, 'Infinity', 'NaN', NULL), ('huge', NULL, 1e300, -1e300, NULL);
                INSERT INTO moed.jobs (prompt, reasoning, max_tokens, temperature, messages) SELECT * FROM mine
                """)
        let stored: Int? = try await queue.database.value(
            "SELECT count(*) AS value FROM moed.job WHERE state = 'queued'")
        #expect(stored == 6)
        // Reading all columns of hostile rows raises nothing either.
        let rows = try await queue.database.query("SELECT * FROM moed.jobs ORDER BY id")
        #expect(rows.count == 6)
        #expect(try rows[0].value("prompt") == "fine")
        #expect(try rows[0].value("mode") == "thinking")
        #expect(try rows[0].optional("reasoning", as: String.self) == nil)
        await queue.close()
    }

    private static let hostile = [
        "'; DROP TABLE moed.job; --", "$1 $$ \\'; SELECT pg_sleep(9)", "\"}],\"model\":\"x\",\"a\":[{\"",
        "\\u0000", "\\ud800", "{}",
        "%s %I", "\u{7F}\u{1}\t\r\n", "𝔘𝔫𝔦 é 日本 \u{202E}", "NULL", "",
    ]

    @Test(arguments: hostile)
    func textsAreNeverReadAsAnythingElse(text: String) async throws {
        let queue = try await Queue()
        let tenant = text.isEmpty ? "t" : text
        let id: Int64 = try #require(
            try await queue.database.value(
                """
                SELECT moed.enqueue(prompt => \(text), system => \(text), model => \(text), reasoning => \(text), tenant => \(tenant),
                         idempotency_key => \(tenant), stop => ARRAY[\(text)],
                         params => json_build_object('metadata', json_build_object(\("k" + text), \(text)))) AS value
                """))
        let value = try JSONValue(parsing: try await body(queue, id))
        let object = try #require(value.object)
        #expect(
            object["messages"] == [
                ["role": "system", "content": .string(text)], ["role": "user", "content": .string(text)],
            ])
        #expect(object["model"] == .string(text))
        #expect(object["stop"] == [.string(text)])
        #expect(object["reasoning"] == .string(text))
        #expect(object["metadata"] == .object(JSONObject([("k" + text, .string(text))])))
        let row = try #require(
            try await queue.database.query(
                "SELECT prompt, system, tenant, idempotency_key, model FROM moed.jobs"
            ).first)
        // PostgreSQL cannot decode a \u0000 escape; here there is none, only its six characters.
        #expect(try row.value("prompt") == text)
        #expect(try row.value("system") == text)
        #expect(try row.value("tenant") == tenant)
        #expect(try row.value("idempotency_key") == tenant)
        #expect(try row.value("model") == (text.isEmpty ? "(empty)" : text))
        await queue.close()
    }

    @Test func modesAndBucketsAreChosen() async throws {
        let queue = try await Queue()
        let cases: [(String, String, Int)] = [
            ("prompt => 'x'", "thinking", 12),
            ("prompt => 'x', reasoning => 'non_thinking'", "non_thinking", 11),
            ("prompt => 'x', reasoning => 'none'", "non_thinking", 11),
            ("prompt => 'x', reasoning => 'high'", "thinking", 12),
            ("prompt => 'x', max_tokens => 1", "thinking", 5),
            ("prompt => 'x', max_tokens => -1", "thinking", 5),
            ("prompt => 'x', max_tokens => 20", "thinking", 5),
            ("prompt => 'x', max_tokens => 23", "thinking", 6),
            ("prompt => 'x', max_tokens => 1e300", "thinking", 20),
            ("prompt => 'x', max_tokens => 'NaN'", "thinking", 20),
            ("prompt => repeat('word ', 10000), max_tokens => 1", "thinking", 15),
            (#"prompt => 'x', params => '{"max_tokens": 20}'"#, "thinking", 5),
            (
                #"prompt => 'x', params => '{"max_tokens": "x", "max_completion_tokens": 1e999999}'"#,
                "thinking", 12
            ),
            (
                #"prompt => 'x', params => '{"chat_template_kwargs": {"enable_thinking": false}}'"#,
                "non_thinking", 11
            ),
            (
                #"prompt => 'x', params => '{"chat_template_kwargs": {"enable_thinking": null}, "reasoning_effort": "none"}'"#,
                "non_thinking", 11
            ),
            (#"prompt => 'x', params => '{"reasoning_effort": "none"}'"#, "non_thinking", 11),
            (
                #"prompt => 'x', params => '{"reasoning_effort": "none"}', reasoning => 'thinking'"#,
                "thinking", 12
            ),
        ]
        for (arguments, mode, bucket) in cases {
            let id = try await enqueue(queue, arguments)
            let row = try #require(
                try await queue.database.query("SELECT mode, bucket FROM moed.job WHERE id = \(id)").first)
            #expect(try row.value("mode") == mode, "\(arguments)")
            #expect(try row.value("bucket") == bucket, "\(arguments)")
        }
        let exact = try await queue.database.query(
            "SELECT n FROM generate_series(1, 1100000, 7) AS n WHERE moed.length_bucket(0, n) <> greatest(5, least(20, ceil(log(2, n))))"
        )
        #expect(exact.isEmpty)
        await queue.close()
    }

    @Test func outOfRangeSchedulingIsClamped() async throws {
        let queue = try await Queue()
        let id = try await enqueue(
            queue, "prompt => 'x', priority => 1e30, max_attempts => -4, run_at => 'infinity'")
        let row = try #require(
            try await queue.database.query("SELECT * FROM moed.jobs WHERE id = \(id)").first)
        #expect(try row.value("priority") == 32767)
        #expect(try row.value("max_attempts") == 1)
        #expect(try row.value("state") == "scheduled")
        #expect(try row.optional("queued_ms", as: Int.self) == nil)
        let low = try await enqueue(
            queue, "prompt => 'x', priority => '-Infinity', max_attempts => 'NaN', run_at => '-infinity'")
        let other = try #require(
            try await queue.database.query("SELECT * FROM moed.jobs WHERE id = \(low)").first)
        #expect(try other.value("priority") == -32767)
        #expect(try other.value("state") == "queued")
        await queue.close()
    }

    @Test func identitiesOfAWrongLengthRaise() async throws {
        let queue = try await Queue()
        for arguments in [
            "tenant => ''", "tenant => repeat('x', 129)", "idempotency_key => ''",
            "idempotency_key => repeat('x', 513)",
        ] {
            await #expect(throws: DatabaseError.self) {
                try await enqueue(queue, "prompt => 'x', \(arguments)")
            }
        }
        let long = try await enqueue(queue, "prompt => 'x', model => repeat('m', 5000)")
        #expect(try await queue.state(JobID(long)) == "queued")
        await queue.close()
    }

    @Test func readOnlyColumnsAreRefused() async throws {
        let queue = try await Queue()
        for (column, value) in [("id", "1"), ("state", "'succeeded'"), ("content", "'x'")] {
            await #expect(throws: DatabaseError.self) {
                try await queue.database.run(
                    script: "INSERT INTO moed.jobs (prompt, \(column)) VALUES ('x', \(value))")
            }
        }
        await #expect(throws: DatabaseError.self) {
            try await queue.database.run(script: "DELETE FROM moed.jobs")
        }
        await queue.close()
    }

    @Test func theSameKeyGivesTheSameJob() async throws {
        let queue = try await Queue()
        let first = try await enqueue(queue, "prompt => 'x', idempotency_key => 'k'")
        #expect(try await enqueue(queue, "prompt => 'y', idempotency_key => 'k'") == first)
        #expect(try await enqueue(queue, "prompt => 'y', idempotency_key => 'k', tenant => 'other'") != first)
        let rows = try await queue.database.query(
            "INSERT INTO moed.jobs (prompt, idempotency_key) VALUES ('z', 'k'), ('z', 'new') RETURNING id")
        #expect(try rows[0].value("id") == first)
        #expect(try rows[1].value("id", as: Int64.self) != first)
        await queue.close()
    }

    @Test func oneKeyFromManyClientsHalfOfThemRolledBack() async throws {
        let queue = try await Queue()
        let ids = try await withThrowingTaskGroup(of: Int64?.self) { group in
            for client in 0..<16 {
                group.addTask {
                    let connection = try await queue.database.connect()
                    try await connection.run(script: "BEGIN")
                    let id: Int64 = try #require(
                        try await connection.query(
                            "SELECT moed.enqueue(prompt => 'x', idempotency_key => 'k') AS id"
                        ).rows.first
                    ).value("id")
                    try await connection.run(script: client % 2 == 0 ? "COMMIT" : "ROLLBACK")
                    await connection.close()
                    return client % 2 == 0 ? id : nil
                }
            }
            var ids: Set<Int64> = []
            for try await id in group { if let id { ids.insert(id) } }
            return ids
        }
        let stored = try await queue.database.query("SELECT id FROM moed.job")
        #expect(stored.count == 1)
        #expect(try ids == [stored[0].value("id")])
        await queue.close()
    }

    @Test func theExampleRunsAsItIs() async throws {
        let queue = try await Queue()
        let psql = URL(filePath: try #require(PostgresServer.binaries) + "/psql")
        let result = try await Command.run(
            psql,
            [
                "--no-psqlrc", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-d", queue.database.conninfo, "-f",
                Fixtures.packageRoot.appending(path: "sql/example_enqueue.sql").path,
            ])
        #expect(result.status == 0)
        #expect(result.output == "")
        let jobs: Int? = try await queue.database.value("SELECT count(*) AS value FROM moed.jobs")
        #expect(jobs == 22)
        await queue.close()
    }

    /// `moed.enqueue_many` classifies and stores each body like `moed.enqueue`.
    @Test func manyAtOnceAreAsOneByOne() async throws {
        let queue = try await Queue()
        let bodies = [
            #"{"messages":[{"role":"user","content":"a"}],"max_tokens":100}"#,
            #"{"messages":[],"max_completion_tokens":3000,"max_tokens":1,"model":"m"}"#,
            #"{"messages":[{"role":"user","content":"\u0000"}],"model":"m","reasoning_effort":"none"}"#,
            #"{"chat_template_kwargs":{"enable_thinking":false},"model":5}"#,
            #"{"reasoning_effort":"none","model":"q\"uoted","x":"\ud800"}"#,
            #"{"max_tokens":1e999999,"reasoning_effort":"high"}"#, #"{"max_tokens":"7","messages":5}"#, "[]",
            "null", "3",
        ]
        let ids = try await queue.database.query(
            """
            SELECT moed.enqueue_many(\(SQLArray(bodies))::json[], tenant => 't', priority => 3, max_attempts => 2) AS id
            """
        ).map { try $0.value("id", as: Int64.self) }
        #expect(ids.count == bodies.count && ids == ids.sorted())
        for (id, body) in zip(ids, bodies) {
            // `moed.enqueue` stores a body that is no object as a member `params`, so its length differs.
            let isObject = body.hasPrefix("{")
            let single: Int64 = try #require(
                try await queue.database.value(
                    """
                    SELECT moed.enqueue(params => \(body)::json, tenant => 't', priority => 3, max_attempts => 2) AS value
                    """))
            let same: Bool? = try await queue.database.value(
                """
                SELECT (a.tenant_id, a.model_id, a.mode, a.priority, a.max_attempts, a.state)
                     = (b.tenant_id, b.model_id, b.mode, b.priority, b.max_attempts, b.state) AS value
                  FROM moed.job a, moed.job b WHERE a.id = \(id) AND b.id = \(single)
                """)
            #expect(same == true, "\(body)")
            let stored: String? = try await queue.database.value(
                "SELECT body::text AS value FROM moed.job_request WHERE job_id = \(id)")
            #expect(stored == body)
            if isObject, !body.contains("u0000") {
                let bucket: Bool? = try await queue.database.value(
                    "SELECT abs(a.bucket - b.bucket) <= 1 AS value FROM moed.job a, moed.job b WHERE a.id = \(id) AND b.id = \(single)"
                )
                #expect(bucket == true, "\(body)")
            }
        }
        let error = await #expect(throws: DatabaseError.self) {
            try await queue.database.run(script: "SELECT moed.enqueue_many(ARRAY['{}', NULL]::json[])")
        }
        #expect(error?.sqlState == "22004")
        await queue.close()
    }
}
