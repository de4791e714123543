import MoedPostgres
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ConnectingTests {
    private func failure(_ conninfo: String) async throws -> DatabaseError {
        do {
            let connection = try await Connection.connect(
                ConnectionSettings(conninfo: conninfo, applicationName: "test"))
            await connection.close()
        } catch {
            return error
        }
        throw TestFailure("\(conninfo) connected")
    }

    @Test func aURIIsTakenToo() async throws {
        let database = try await TestDatabase.create()
        let host = database.host.split(separator: "/").joined(separator: "%2F")
        let uri = "postgresql://postgres@%2F\(host)/\(database.name)?application_name=mine"
        let connection = try await Connection.connect(
            ConnectionSettings(conninfo: uri, applicationName: "moed"))
        let row = try #require(
            try await connection.query(
                """
                SELECT current_setting('application_name') AS name, current_setting('TimeZone') AS zone,
                       current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
                       current_setting('client_encoding') AS encoding, current_database()::text AS database
                """
            ).rows.first)
        #expect(try row.value("name") == "mine")
        #expect(try row.value("zone") == "UTC")
        #expect(try row.value("statement") == "30s")
        #expect(try row.value("lock") == "10s")
        #expect(try row.value("encoding") == "UTF8")
        #expect(try row.value("database") == database.name)
        await connection.close()
        await database.close()
    }

    @Test func theApplicationNameIsSet() async throws {
        let database = try await TestDatabase.create()
        #expect(
            try await database.value("SELECT current_setting('application_name') AS value") == "moed test")
        await database.close()
    }

    @Test func aWrongPasswordIsNotRetryable() async throws {
        let database = try await TestDatabase.create()
        try await database.run(
            script: """
                DO $$ BEGIN CREATE ROLE moed_password LOGIN; EXCEPTION WHEN unique_violation OR duplicate_object THEN NULL; END $$;
                ALTER ROLE moed_password PASSWORD 'right'
                """)
        let base = "host=\(database.host) dbname=\(database.name) user=moed_password"
        let right = try await Connection.connect(
            ConnectionSettings(conninfo: "\(base) password=right", applicationName: "test"))
        await right.close()
        let wrong = try await failure("\(base) password=moed_password")
        #expect(wrong.code == .authentication)
        #expect(!wrong.isRetryable)
        // The password is the role's name, and the server's message repeats the role's name.
        #expect(!wrong.message.contains("moed_password"))
        let none = try await failure("\(base) passfile=/nonexistent")
        #expect(none.code == .authentication)
        await database.close()
    }

    @Test func whatIsAwayOrWrongIsSaid() async throws {
        let database = try await TestDatabase.create()
        let away = try await failure("host=/nonexistent-socket-folder dbname=x")
        #expect(away.code == .connectionLost)
        #expect(away.isRetryable)
        let refused = try await failure("host=127.0.0.1 port=1 connect_timeout=2 dbname=x")
        #expect(refused.code == .connectionLost)
        let missing = try await failure("host=\(database.host) user=postgres dbname=no_such_database")
        #expect(missing.code == .invalidConfiguration)
        #expect(missing.message.contains("no_such_database"))
        let role = try await failure("host=\(database.host) user=no_such_role dbname=postgres")
        #expect(role.code == .invalidConfiguration)
        await database.close()
    }

    @Test(arguments: [
        "host=x password=geheim geheim2", "geheim", "postgresql://u:geheim@[host/x", "host=x pass=geheim",
        "host=a\0b",
        "postgresql://u:geheim@host:99x99/db", "port=geheim host=/tmp",
        "postgresql://user:geheim/word@host/db", "postgresql://user:x@geheim@nohost/db",
    ])
    func unreadableStringsAreErrorsWithoutTheirText(conninfo: String) async throws {
        let error = try await failure(conninfo)
        #expect(error.code == .invalidConfiguration)
        #expect(!error.message.contains("geheim"), "\(error.message)")
    }
}
