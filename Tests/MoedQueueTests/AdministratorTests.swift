import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// `moed migrate --roles` by administrators without superuser rights, as managed servers have them. Roles belong to the
/// cluster, so each test has a server of its own.
@Suite(.serialized, .enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct AdministratorTests {
    /// A cluster with two administrators, each with a database, and one role without rights.
    private struct Cluster {
        let server: PostgresServer
        let host: String

        init(_ binaries: String?) async throws {
            server = PostgresServer(binaries: binaries)
            host = try await server.directory()
            let super_ = try await connect("postgres", "postgres")
            try await super_.run(
                script:
                    "CREATE ROLE admin LOGIN CREATEROLE CREATEDB; CREATE ROLE other LOGIN CREATEROLE CREATEDB; CREATE ROLE plain LOGIN"
            )
            for owner in ["admin", "other", "plain"] {
                try await super_.run(script: "CREATE DATABASE \(owner)_db OWNER \(owner) TEMPLATE template0")
            }
            await super_.close()
        }

        func conninfo(_ role: String, _ database: String) -> String {
            "host=\(host) user=\(role) dbname=\(database) connect_timeout=1200"
        }

        func connect(_ role: String, _ database: String) async throws -> Connection {
            try await Connection.connect(
                ConnectionSettings(conninfo: conninfo(role, database), applicationName: "test"))
        }

        func migrate(_ role: String, _ database: String, roles: Bool = true) async throws {
            let migrator = try await Migrator.connect(conninfo: conninfo(role, database))
            do { _ = try await migrator.apply(roles: roles) } catch {
                await migrator.close()
                throw error
            }
            await migrator.close()
        }
    }

    private static let newer = PostgresServer.newerBinaries

    @Test func withDebiansServer() async throws {
        try await administer(PostgresServer.binaries, isNewer: false)
    }

    @Test(.enabled(if: newer != nil, "no newer PostgreSQL: run .ci/postgres"))
    func withANewerServer() async throws { try await administer(Self.newer, isNewer: true) }

    private func administer(_ binaries: String?, isNewer: Bool) async throws {
        let cluster = try await Cluster(binaries)
        let refused = await #expect(throws: QueueError.self) {
            try await cluster.migrate("plain", "plain_db")
        }
        #expect(refused?.message.contains("role plain may not create the role moed_owner") == true)
        #expect(refused?.message.contains("ALTER ROLE plain CREATEROLE") == true)
        try await cluster.migrate("admin", "admin_db")
        // Again: nothing changes, and nothing is refused.
        try await cluster.migrate("admin", "admin_db")
        // The administrator grants moed's roles to login roles, and the daemon's role can work.
        let admin = try await cluster.connect("admin", "admin_db")
        try await admin.run(script: "GRANT moed_worker TO plain")
        await admin.close()
        let worker = try await Migrator.connect(conninfo: cluster.conninfo("plain", "admin_db"))
        try await worker.verify()
        await worker.close()
        // Before PostgreSQL 16 CREATEROLE may grant every role.
        if isNewer {
            let second = await #expect(throws: QueueError.self) {
                try await cluster.migrate("other", "other_db")
            }
            #expect(
                second?.message.contains("as a superuser or as admin run GRANT moed_owner TO other") == true)
            let admin = try await cluster.connect("admin", "admin_db")
            try await admin.run(script: "GRANT moed_owner TO other")
            await admin.close()
        }
        try await cluster.migrate("other", "other_db")
    }

    @Test func whoMayNotMigrateIsTold() async throws {
        let cluster = try await Cluster(PostgresServer.binaries)
        let foreign = await #expect(throws: QueueError.self) {
            try await cluster.migrate("plain", "admin_db", roles: false)
        }
        #expect(foreign?.message.contains("GRANT CREATE ON DATABASE admin_db TO plain") == true)
        try await cluster.migrate("admin", "admin_db", roles: false)
        let owned = await #expect(throws: QueueError.self) {
            try await cluster.migrate("plain", "admin_db", roles: false)
        }
        #expect(owned?.message.contains("which belongs to admin") == true)
        #expect(owned?.message.contains("GRANT admin TO plain") == true)
    }
}
