import Foundation
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// `sql/schema` is the schema that the migrations make.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct SchemaFileTests {
    /// A database made from `sql/schema` by psql, as a person would.
    private func fromFiles() async throws -> TestDatabase {
        let database = try await TestDatabase.create()
        let process = Process()
        process.executableURL = URL(filePath: try #require(PostgresServer.binaries) + "/psql")
        process.arguments = [
            "--no-psqlrc", "-q1", "-v", "ON_ERROR_STOP=1", "-d", database.conninfo, "-f",
            Fixtures.packageRoot.appending(path: "sql/schema/all.sql").path,
        ]
        let errors = Pipe()
        process.standardError = errors
        try process.start()
        process.waitUntilExit()
        #expect(String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self) == "")
        #expect(process.terminationStatus == 0)
        return database
    }

    @Test func filesAndMigrationsMakeTheSameCatalog() async throws {
        let (migrated, written) = (try await QueueDatabase.create(), try await fromFiles())
        for roles in [false, true] {
            if roles {
                for database in [migrated, written] {
                    try await database.run(script: Migration.roles.sql)
                }
            }
            let (expected, found) = (try await Catalog.lines(migrated), try await Catalog.lines(written))
            #expect(expected.subtracting(found).sorted() == [], "missing in sql/schema, roles: \(roles)")
            #expect(found.subtracting(expected).sorted() == [], "only in sql/schema, roles: \(roles)")
            #expect(expected.count > 600)
            #expect(expected.contains { $0.hasPrefix("policy | job.own") } == roles)
        }
        await migrated.close()
        await written.close()
    }

    /// Each statement changes one of the two schemas, and the object is named in the difference.
    @Test func everyKindOfDifferenceIsFound() async throws {
        let database = try await fromFiles()
        var expected: [Catalog.Part: Set<String>] = [:]
        for part in Catalog.Part.allCases { expected[part] = try await Catalog.lines(database, [part]) }
        for (statement, part, object) in Self.differences {
            try await database.run(script: "BEGIN; \(statement)")
            let found = try await Catalog.lines(database, [part])
            try await database.run(script: "ROLLBACK")
            let difference = found.symmetricDifference(expected[part] ?? [])
            #expect(difference.contains { $0.contains(object) }, "\(statement): \(difference.sorted())")
        }
        #expect(try await Catalog.lines(database) == expected.values.reduce(into: []) { $0.formUnion($1) })
        await database.close()
    }

    private static let differences: [(String, Catalog.Part, String)] = [
        ("ALTER TABLE moed.job ADD COLUMN extra int", .columns, "column | moed.job.extra"),
        (
            "ALTER TABLE moed.usage_delta ALTER COLUMN jobs TYPE bigint", .columns,
            "column | moed.usage_delta.jobs"
        ),
        ("ALTER TABLE moed.job ALTER COLUMN priority SET DEFAULT 1", .columns, "column | moed.job.priority"),
        ("ALTER TABLE moed.job ALTER COLUMN mode DROP NOT NULL", .columns, "column | moed.job.mode"),
        (
            "ALTER TABLE moed.job_request ALTER COLUMN body SET STORAGE EXTERNAL",
            .columns, "column | moed.job_request.body"
        ),
        ("GRANT SELECT (id) ON moed.job TO pg_monitor", .columns, "column | moed.job.id"),
        ("ALTER TABLE moed.job SET (fillfactor = 90)", .relations, "relation | moed.job "),
        (
            "ALTER TABLE moed.job_request SET (toast.autovacuum_enabled = false)",
            .relations, "relation | moed.job_request"
        ),
        ("ALTER TABLE moed.job ENABLE ROW LEVEL SECURITY", .relations, "relation | moed.job "),
        ("GRANT SELECT ON moed.job TO pg_monitor", .relations, "relation | moed.job "),
        ("ALTER TABLE moed.job OWNER TO pg_monitor", .relations, "relation | moed.job "),
        ("GRANT USAGE ON SCHEMA moed TO pg_monitor", .relations, "schema | moed"),
        (
            "ALTER TABLE moed.job DROP CONSTRAINT running_is_leased", .constraintsAndIndexes,
            "constraint | moed.job.running_is_leased"
        ),
        (
            "ALTER TABLE moed.job_request ADD FOREIGN KEY (job_id) REFERENCES moed.job",
            .constraintsAndIndexes, "trigger of a constraint | moed.job_request"
        ),
        ("DROP INDEX moed.job_expire_idx", .constraintsAndIndexes, "index | moed.job_expire_idx"),
        (
            "ALTER INDEX moed.job_claim_idx SET (fillfactor = 50)", .constraintsAndIndexes,
            "index | moed.job_claim_idx"
        ),
        ("DROP TRIGGER job_forget ON moed.job", .constraintsAndIndexes, "trigger | moed.job.job_forget"),
        (
            "ALTER TABLE moed.job DISABLE TRIGGER job_wake", .constraintsAndIndexes,
            "trigger | moed.job.job_wake"
        ),
        ("ALTER FUNCTION moed.caller() VOLATILE", .functions, "function | moed.caller()"),
        ("ALTER FUNCTION moed.pauses() SECURITY DEFINER", .functions, "function | moed.pauses()"),
        (
            "ALTER FUNCTION moed.pauses() RESET search_path", .functions,
            "function | moed.pauses()"
        ),
        (
            "GRANT EXECUTE ON FUNCTION moed.pauses() TO pg_monitor", .functions,
            "function | moed.pauses()"
        ),
        (
            """
            CREATE OR REPLACE FUNCTION moed.milliseconds(earlier timestamptz, later timestamptz) RETURNS bigint
            LANGUAGE sql IMMUTABLE AS 'SELECT 1::bigint'
            """, .functions, "function | moed.milliseconds"
        ),
        (
            "CREATE FUNCTION moed.cancel(job_id text) RETURNS text LANGUAGE sql AS 'SELECT 1'",
            .functions, "function | moed.cancel(text)"
        ),
        ("ALTER VIEW moed.jobs RESET (security_invoker)", .relations, "relation | moed.jobs"),
        ("ALTER VIEW moed.health RENAME COLUMN jobs_running TO running", .relations, "view | moed.health"),
        ("ALTER TYPE moed.job_state ADD VALUE 'lost'", .typesAndSequences, "type | moed.job_state"),
        (
            "ALTER SEQUENCE moed.lease_token_seq CACHE 10", .typesAndSequences,
            "sequence | moed.lease_token_seq"
        ),
        ("COMMENT ON COLUMN moed.job.id IS 'other'", .everything, "comment | table column moed.job.id"),
        ("COMMENT ON INDEX moed.job_claim_idx IS 'other'", .everything, "comment | index moed.job_claim_idx"),
        ("CREATE POLICY extra ON moed.job USING (true)", .rules, "policy | job.extra"),
        (
            "CREATE RULE extra AS ON DELETE TO moed.price DO INSTEAD NOTHING", .rules,
            "rule | moed.price.extra"
        ),
        ("CREATE PUBLICATION extra FOR TABLE moed.job", .rules, "publication | extra"),
        ("CREATE STATISTICS moed.extra ON tenant_id, model_id FROM moed.job", .rules, "statistics | "),
        ("CREATE TABLE public.extra (i int)", .everything, "object | table | public.extra"),
        ("UPDATE moed.tenant SET weight = 2", .rows, "row | moed.tenant"),
    ]
}
