import MoedPostgres
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ConnectionTests {
    @Test func valuesRoundTrip() async throws {
        let database = try await TestDatabase.create()
        let text = "'; DROP TABLE x; -- \\ \" $1 \n é 日本 👩‍👩‍👧 \u{1}"
        let rows = try await database.query(
            """
            SELECT \(text) AS text, \(Int64.min) AS least, \(Int32(7)) AS small, \(1.5) AS double, \(true) AS yes,
                   \(String?.none) AS nothing, \(SQLArray(["a\"b", nil, "c\\d", "", "NULL", "{,}"])) AS list,
                   (\(SQLArray([1, nil, 3])))[2] IS NULL AS hole, \(Double.nan) AS nan, \(-Double.infinity) AS low
            """)
        let row = try #require(rows.first)
        #expect(try row.value("text") == text)
        #expect(try row.value("least") == Int64.min)
        #expect(try row.value("small") == Int32(7))
        #expect(try row.value("double") == 1.5)
        #expect(try row.value("yes") == true)
        #expect(try row.optional("nothing", as: String.self) == nil)
        #expect(try row.value("list") == #"{"a\"b",NULL,"c\\d","","NULL","{,}"}"#)
        #expect(try row.value("hole") == true)
        #expect(try row.value("nan", as: Double.self).isNaN)
        #expect(try row.value("low") == -Double.infinity)
        await database.close()
    }

    @Test func arrayElementsComeBackOneByOne() async throws {
        let database = try await TestDatabase.create()
        let texts = ["a\"b", "c\\d", "", "NULL", "{,}", "日本\n"]
        let rows = try await database.query(
            "SELECT t AS text FROM unnest(\(SQLArray(texts))) WITH ORDINALITY AS u(t, n) ORDER BY n")
        #expect(try rows.map { try $0.value("text", as: String.self) } == texts)
        await database.close()
    }

    @Test func wrongColumnsAreErrorsNotTraps() async throws {
        let database = try await TestDatabase.create()
        let row = try #require(
            try await database.query("SELECT 'x'::text AS text, NULL::int AS nothing").first)
        #expect(throws: DatabaseError(.protocolViolation, "there is no column other")) {
            try row.value("other", as: Int.self)
        }
        #expect(throws: DatabaseError(.protocolViolation, "column nothing is NULL")) {
            try row.value("nothing", as: Int.self)
        }
        #expect(throws: DatabaseError(.protocolViolation, "column text is not of type Int")) {
            try row.value("text", as: Int.self)
        }
        await database.close()
    }

    @Test func nulInATextIsRefusedNotCut() async throws {
        let database = try await TestDatabase.create()
        let error = await #expect(throws: DatabaseError.self) {
            try await database.query("SELECT \(1), \("a\0b")")
        }
        #expect(error?.code == .invalidValue)
        #expect(error?.message == "parameter $2 contains a NUL character")
        #expect(try await database.value("SELECT 1 AS value") == 1)
        await database.close()
    }

    @Test func largeParametersAndResults() async throws {
        let database = try await TestDatabase.create()
        let text = String(repeating: "0123456789abcdef", count: 1 << 19)
        #expect(try await database.value("SELECT \(text) || \(text) AS value") == text + text)
        await database.close()
    }

    @Test(arguments: [
        ("SELECT * FROM nowhere", DatabaseError.Code.undefinedObject, "42P01"),
        ("SELECT nothing()", .undefinedObject, "42883"),
        ("INSERT INTO one VALUES (1), (1)", .constraint, "23505"),
        ("SET ROLE moed_nobody; SELECT * FROM one", .insufficientPrivilege, "42501"),
        ("SET statement_timeout = 50; SELECT pg_sleep(5)", .timeout, "57014"),
        ("SELECT 1 / 0", .invalidValue, "22012"),
        ("SELEC 1", .server, "42601"),
    ])
    func errorsAreTyped(script: String, code: DatabaseError.Code, state: String) async throws {
        let database = try await TestDatabase.create()
        try await database.run(script: "CREATE TABLE one (i int PRIMARY KEY)")
        try await database.run(
            script:
                "DO $$ BEGIN CREATE ROLE moed_nobody; EXCEPTION WHEN unique_violation OR duplicate_object THEN NULL; END $$"
        )
        let error = await #expect(throws: DatabaseError.self) { try await database.run(script: script) }
        #expect(error?.code == code)
        #expect(error?.sqlState == state)
        #expect(try await database.value("SELECT 1 AS value") == 1)
        await database.close()
    }

    @Test func errorsNeverContainValues() async throws {
        let database = try await TestDatabase.create()
        try await database.run(script: "CREATE TABLE one (t text PRIMARY KEY)")
        try await database.query("INSERT INTO one VALUES (\("geheim"))")
        let duplicate = await #expect(throws: DatabaseError.self) {
            try await database.query("INSERT INTO one VALUES (\("geheim"))")
        }
        #expect(duplicate?.constraint == "one_pkey")
        #expect(duplicate.map { "\($0)".contains("geheim") } == false)
        let malformed = await #expect(throws: DatabaseError.self) {
            try await database.query("SELECT \("geheim")::int")
        }
        #expect(malformed.map { "\($0)".contains("geheim") } == false)
        await database.close()
    }

    @Test func transactionsCommitAndRollBack() async throws {
        let database = try await TestDatabase.create()
        try await database.run(script: "CREATE TABLE one (i int)")
        let connection = try await database.connect()
        let inserted = try await connection.transaction { connection in
            try connection.query("INSERT INTO one VALUES (1), (2)").affected
        }
        #expect(inserted == 2)
        await #expect(throws: TestFailure.self) {
            try await connection.transaction { connection in
                try connection.query("INSERT INTO one VALUES (3)")
                throw TestFailure("on purpose")
            }
        }
        await #expect(throws: DatabaseError.self) {
            try await connection.transaction { connection in
                try connection.query("INSERT INTO one VALUES (4)")
                try connection.query("SELECT 1 / 0")
            }
        }
        // An error that the body swallows must not look like a commit.
        await #expect(throws: DatabaseError.self) {
            try await connection.transaction { connection in
                try connection.query("INSERT INTO one VALUES (5)")
                do { try connection.query("SELECT 1 / 0") } catch {}
            }
        }
        #expect(
            try await database.value("SELECT string_agg(i::text, ',' ORDER BY i) AS value FROM one") == "1,2")
        #expect(try await connection.query("SELECT 1").rows.count == 1)
        await connection.close()
        await database.close()
    }

    @Test func aTerminatedBackendIsALostConnection() async throws {
        let database = try await TestDatabase.create()
        let connection = try await database.connect()
        let pid: Int = try #require(try await connection.query("SELECT pg_backend_pid() AS pid").rows.first)
            .value("pid")
        try await database.query("SELECT pg_terminate_backend(\(Int32(pid)))")
        let error = await #expect(throws: DatabaseError.self) { try await connection.query("SELECT 1") }
        #expect(error?.isConnectionLost == true)
        #expect(error?.isRetryable == true)
        let later = await #expect(throws: DatabaseError.self) { try await connection.query("SELECT 1") }
        #expect(later?.isConnectionLost == true)
        await database.close()
    }

    @Test func aSilentServerIsGivenUp() async throws {
        let database = try await TestDatabase.create()
        let connection = try await database.connect()
        // The server keeps quiet for longer than the client wants to wait, as it would behind a half-open socket.
        let error = await #expect(throws: DatabaseError.self) {
            try await connection.query("SELECT pg_sleep(600)", timeout: .milliseconds(200))
        }
        #expect(error?.code == .connectionLost)
        // The server goes on with it all the same, until it is stopped here.
        #expect(
            try await eventually {
                try await database.value(
                    """
                    SELECT count(pg_terminate_backend(pid)) AS value FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'
                    """) == 1
            })
        await database.close()
    }

    @Test func otherTasksRunWhileConnectionsBlock() async throws {
        let database = try await TestDatabase.create()
        let gate = try await database.connect()
        try await gate.query("SELECT pg_advisory_lock(1)")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let connection = try await database.connect()
                    try await connection.query("SELECT pg_advisory_lock_shared(1)")
                    await connection.close()
                }
            }
            // All of them wait at once, more than there are threads for tasks on a small machine.
            #expect(
                try await eventually {
                    try await database.value(
                        """
                        SELECT count(*) AS value FROM pg_locks
                         WHERE locktype = 'advisory' AND NOT granted
                           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                        """) == 8
                })
            try await gate.query("SELECT pg_advisory_unlock(1)")
            try await group.waitForAll()
        }
        await gate.close()
        await database.close()
    }

    /// A pooler may route the next call of a prepared statement to a server connection that has not prepared it.
    @Test func aForgottenPreparedStatementIsSentWhole() async throws {
        let database = try await TestDatabase.create()
        let connection = try await database.connect()
        func double(_ value: Int) async throws -> Int? {
            try await connection.queryPrepared("SELECT 2 * \(value) AS value").rows.first?.value("value")
        }
        func known() async throws -> Int? {
            try await connection.query("SELECT count(*) AS count FROM pg_prepared_statements").rows.first?
                .value("count")
        }
        for value in 1...3 { #expect(try await double(value) == 2 * value) }
        #expect(try await known() == 1)
        try await connection.run(script: "DEALLOCATE ALL")
        #expect(try await double(4) == 8)
        #expect(try await double(5) == 10)
        #expect(try await known() == 0)
        await connection.close()
        await database.close()
    }

    /// Another client may have prepared the same text on the server connection.
    @Test func aStatementPreparedByOthersIsUsed() async throws {
        let database = try await TestDatabase.create()
        let (first, second) = (try await database.connect(), try await database.connect())
        let name: String = try #require(
            try await first.queryPrepared("SELECT 1 AS value").rows.isEmpty
                ? nil
                : try await first.query("SELECT name FROM pg_prepared_statements").rows.first?.value("name"))
        try await second.run(script: "PREPARE \(name) AS SELECT 1 AS value")
        #expect(
            try await second.queryPrepared("SELECT 1 AS value").rows.first?.value("value", as: Int.self) == 1)
        await first.close()
        await second.close()
        await database.close()
    }

    @Test func aStatementInAStatementKeepsItsBinds() async throws {
        let database = try await TestDatabase.create()
        let inner: SQL = "SELECT \(2) AS a, \("x") AS b"
        let rows = try await database.query(
            "SELECT \(1) AS first, i.a, i.b, \(3) AS last FROM (\(inner)) AS i")
        let row = try #require(rows.first)
        #expect(try row.value("first", as: Int.self) == 1 && row.value("a", as: Int.self) == 2)
        #expect(try row.value("b", as: String.self) == "x" && row.value("last", as: Int.self) == 3)
        await database.close()
    }
}
