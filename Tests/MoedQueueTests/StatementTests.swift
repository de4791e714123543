import Foundation
import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Statements stored as files, and the parsing of their results.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct StatementTests {
    @Test func everyFileIsAStatement() throws {
        let folder = Fixtures.packageRoot.appending(path: "Sources/MoedQueue/Statements")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(files == NamedStatement.all.map { $0.name + ".sql" }.sorted())
    }

    /// A statement's header lists its parameters: each statement is prepared with the types of its header.
    @Test func statementsTakeWhatTheirHeadersSay() async throws {
        let database = try await QueueDatabase.create()
        try await database.run(script: JobStore.session)
        for statement in NamedStatement.all {
            let types = statement.parameters.map(\.type)
            #expect(statement.text.hasPrefix("-- \(statement.name): "))
            try #require(!types.isEmpty, "\(statement.name)")
            try await database.run(
                script: "PREPARE \(statement.name) (\(types.joined(separator: ", "))) AS \(statement.text)")
            let body = statement.text.split(separator: "\n").filter { !$0.hasPrefix("--") }.joined(
                separator: "\n")
            let numbers = Set(body.matches(of: #/\$([0-9]+)/#).compactMap { Int($0.1) })
            #expect(numbers == Set(1...types.count), "\(statement.name)")
            let names = statement.parameters.map(\.name)
            #expect(Set(names).count == names.count, "\(statement.name)")
        }
        await database.close()
    }

    @Test func aHeaderIsReadInOrder() {
        let statement = NamedStatement(
            name: "s",
            text: """
                -- s: does something with
                -- $1 that is prose: it has no type.
                -- $1 worker bigint: the worker
                -- $2 models text[]: names: many
                SELECT $1, $2
                -- $3 other text: not in the header
                """)
        #expect(statement.parameters.map(\.name) == ["worker", "models"])
        #expect(statement.parameters.map(\.type) == ["bigint", "text[]"])
    }

    /// The enum and the constraint of the table name the same outcomes.
    @Test func outcomesAreThoseOfTheTable() async throws {
        let database = try await QueueDatabase.create()
        let check: String? = try await database.value(
            """
            SELECT pg_get_constraintdef(oid) AS value FROM pg_constraint
             WHERE conrelid = 'moed.job_attempt'::regclass AND conname = 'job_attempt_outcome_check'
            """)
        let names = (check ?? "").matches(of: #/'([a-z]+)'/#).map { String($0.1) }
        #expect(names.sorted() == AttemptOutcome.allCases.map(\.rawValue).sorted())
        await database.close()
    }

    private static let heads = """
        SELECT * FROM (VALUES
          ('a', 'thinking', 5, 3, 900, 1, -2, 10, 900, 1.5, NULL, 0, 0, 0.25, 't1', true),
          ('a', 'thinking', 5, 3, 900, 1, 0, 7, 100, 1.5, NULL, 0, 0, 0.25, 't1', true),
          ('a', 'thinking', 5, 3, 900, 2, 0, 8, 50, 1, 4, 2, 1e-3, 1e+20, 't2', false),
          ('a', 'non_thinking', -1, 256, 1, 2, 0, 9, 1, 1, 4, 2, 1e-3, 1e+20, 't2', false))
          AS h(name, mode, bucket, queued, oldest_ms, tenant_id, urgency, id, age_ms, weight, max_running, running,
               recent_jobs, recent_tokens, tenant, may_leave)
        """

    @Test func rowsOfTheBacklogAreCollectedIntoGroups() async throws {
        let database = try await TestDatabase.create()
        let classes = try JobStore.classes(try await database.query(SQL(stringLiteral: Self.heads)))
        var first = ClassBacklog.Tenant(id: 1, weight: 1.5, recentJobs: 0, recentTokens: 0.25)
        var second = ClassBacklog.Tenant(
            id: 2, weight: 1, runningMax: 4, running: 2, recentJobs: 1e-3, recentTokens: 1e20)
        (first.name, second.name, second.mayLeave) = ("t1", "t2", false)
        func head(_ tenant: Int, _ urgency: Int, _ job: Int64, _ age: Int) -> ClassBacklog.Head {
            ClassBacklog.Head(tenant: tenant, urgency: urgency, job: JobID(job), age: .milliseconds(age))
        }
        #expect(
            classes == [
                ClassBacklog(
                    jobClass: JobClass(model: "a", mode: .thinking, bucket: 5), queued: 3,
                    oldestAge: .milliseconds(900),
                    heads: [head(1, -2, 10, 900), head(1, 0, 7, 100), head(2, 0, 8, 50)],
                    tenants: [first, second]),
                ClassBacklog(
                    jobClass: JobClass(model: "a", mode: .nonThinking, bucket: -1), queued: 256,
                    oldestAge: .milliseconds(1), heads: [head(2, 0, 9, 1)], tenants: [second]),
            ])
        #expect(try JobStore.classes([]) == [])
        await database.close()
    }

    /// A malformed row is an error; it is not skipped.
    @Test(arguments: [
        "'other' AS mode", "'five' AS bucket", "NULL AS queued", "1.5 AS oldest_ms", "NULL AS tenant_id",
        "'-' AS urgency", "NULL AS id", "'1:2' AS age_ms", "NULL AS weight", "'all' AS max_running",
        "NULL AS running", "'many' AS recent_jobs", "NULL AS recent_tokens", "NULL AS name",
        "NULL AS tenant", "'maybe' AS may_leave",
    ])
    func aMalformedRowIsAnError(column: String) async throws {
        let database = try await TestDatabase.create()
        let name = try #require(column.split(separator: " ").last)
        let whole =
            "name, mode, bucket, queued, oldest_ms, tenant_id, urgency, id, age_ms, weight, max_running"
            + ", running, recent_jobs, recent_tokens, tenant, may_leave"
        let columns = whole.split(separator: ", ").map { $0 == name ? column : String($0) }
        let sql = "SELECT \(columns.joined(separator: ", ")) FROM (\(Self.heads)) AS heads"
        let rows = try await database.query(SQL(stringLiteral: sql))
        let error = #expect(throws: DatabaseError.self) { try JobStore.classes(rows) }
        #expect(error?.code == .protocolViolation)
        await database.close()
    }
}

/// Checkpointed pieces, as a claim returns them.
struct SavedOutputTests {
    @Test func piecesArePutTogether() throws {
        #expect(try SavedOutput.tokens(json: nil) == [:])
        #expect(try SavedOutput.tokens(json: "[]") == [:])
        let json = """
            [{"choice" : 0, "first_token" : 0, "token_ids" : [5,6]}, {"choice" : 0, "first_token" : 2, "token_ids" : [7]},
             {"choice" : 1, "first_token" : 0, "token_ids" : [2147483647]}]
            """
        #expect(try SavedOutput.tokens(json: json) == [0: [5, 6, 7], 1: [.max]])
    }

    /// A lost write leaves a gap: the pieces after it are unusable.
    @Test func piecesAfterAGapAreLeftOut() throws {
        let json = """
            [{"choice":0,"first_token":0,"token_ids":[5]},{"choice":0,"first_token":2,"token_ids":[7]},
             {"choice":0,"first_token":3,"token_ids":[8]},{"choice":1,"first_token":1,"token_ids":[9]}]
            """
        #expect(try SavedOutput.tokens(json: json) == [0: [5]])
    }

    @Test(arguments: [
        "", "{}", "null", "[1]", "[[0,0,[5]]]", "0:0:5,6", #"[{"choice":0,"first_token":0,"token_ids":[5]}"#,
        #"[{"first_token":0,"token_ids":[5]}]"#, #"[{"choice":0,"token_ids":[5]}]"#,
        #"[{"choice":0,"first_token":0}]"#, #"[{"choice":0,"first_token":0,"token_ids":"5"}]"#,
        #"[{"choice":0,"first_token":0,"token_ids":[5,"6"]}]"#,
        #"[{"choice":0,"first_token":0,"token_ids":[5,null]}]"#,
        #"[{"choice":0,"first_token":0,"token_ids":[2147483648]}]"#,
        #"[{"choice":0.5,"first_token":0,"token_ids":[5]}]"#,
        #"[{"choice":"0","first_token":0,"token_ids":[5]}]"#,
        #"[{"choice":0,"first_token":9,"token_ids":[5,1.5]}]"#,
    ])
    func aMalformedPieceIsAnError(json: String) {
        let error = #expect(throws: DatabaseError.self) { try SavedOutput.tokens(json: json) }
        #expect(error?.code == .protocolViolation)
        #expect(error?.message.hasPrefix("malformed checkpoint pieces: ") == true)
    }
}
