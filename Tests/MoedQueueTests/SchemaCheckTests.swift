import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Everything that keeps a worker from working with a database whose schema is the right one.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct SchemaCheckTests {
    private func problems(_ conninfo: String) async throws -> [QueueError] {
        let migrator = try await Migrator.connect(conninfo: conninfo)
        do {
            let found = try await migrator.problems()
            await migrator.close()
            return found
        } catch {
            await migrator.close()
            return [error]
        }
    }

    @Test func aSoundDatabaseHasNone() async throws {
        let queue = try await Queue()
        try await queue.add(3)
        #expect(try await problems(queue.database.conninfo) == [])
        await queue.close()
    }

    @Test func readOnlySessionsAreNamed() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script: "ALTER DATABASE \(queue.database.name) SET default_transaction_read_only = on")
        let found = try await problems(queue.database.conninfo)
        #expect(found.map(\.code) == [.readOnly])
        #expect(found.first?.message.contains("target_session_attrs=read-write") == true)
        await queue.close()
    }

    /// As after a switch to a logical replica, which has the rows and not the sequences.
    @Test func sequencesBehindTheirTablesAreNamedWithTheCure() async throws {
        let queue = try await Queue()
        try await queue.add(5)
        _ = try await queue.worker()
        try await queue.database.run(
            script: "ALTER SEQUENCE moed.job_id_seq RESTART; ALTER SEQUENCE moed.worker_id_seq RESTART")
        let found = try await problems(queue.database.conninfo)
        #expect(found.map(\.code) == [.sequenceBehind, .sequenceBehind])
        for problem in found {
            let cure = try #require(problem.message.split(separator: ": ").last)
            try await queue.database.run(script: String(cure))
        }
        #expect(try await problems(queue.database.conninfo) == [])
        try await queue.add(1)
        await queue.close()
    }

    @Test func policiesThatARestoreLeftOutAreNamed() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script:
                "ALTER TABLE moed.job ENABLE ROW LEVEL SECURITY; ALTER TABLE moed.batch ENABLE ROW LEVEL SECURITY"
        )
        let found = try await problems(queue.database.conninfo)
        #expect(found.map(\.code) == [.policiesMissing])
        #expect(found.first?.message.contains("moed.batch, moed.job") == true)
        #expect(found.first?.message.contains("moed migrate --roles") == true)
        await queue.close()
    }

    /// A role without any right on the schema: the first table that is read would say less.
    @Test func aRoleWithoutRightsIsTold() async throws {
        let queue = try await Queue()
        let role = "\(queue.database.name)_nobody"
        try await queue.database.run(script: "CREATE ROLE \(role) LOGIN")
        let conninfo = "host=\(queue.database.host) dbname=\(queue.database.name) user=\(role)"
        let found = try await problems(conninfo)
        #expect(found.map(\.code) == [.rightsMissing])
        let message = found.first?.message ?? ""
        #expect(message.hasPrefix("role \(role) needs USAGE on schema moed, "), "\(message)")
        #expect(message.contains("SELECT on moed.migration"))
        try await queue.database.run(script: "DROP ROLE \(role)")
        await queue.close()
    }

    @Test(arguments: ["LATIN1", "SQL_ASCII"]) func anotherEncodingIsNamedWithTheCure(_ encoding: String)
        async throws
    {
        let other = try await TestDatabase.create()
        let name = "\(other.name)_\(encoding.lowercased())"
        try await other.run(
            script: "CREATE DATABASE \(name) ENCODING '\(encoding)' LOCALE 'C' TEMPLATE template0")
        let conninfo = "host=\(other.host) user=postgres dbname=\(name)"
        let migrator = try await Migrator.connect(conninfo: conninfo)
        let error = await #expect(throws: QueueError.self) { _ = try await migrator.apply() }
        #expect(error?.code == .wrongEncoding)
        #expect(error?.message.contains("is \(encoding), and moed needs UTF8: CREATE DATABASE") == true)
        await migrator.close()
        await other.close()
    }
}
