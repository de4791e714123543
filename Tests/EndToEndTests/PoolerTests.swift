import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// A pooler in front of a server's socket, as long as this value lives.
private final class Pooler {
    static let program = Command.find("pgbouncer")
    static var obstacle: String? {
        Scene.obstacle ?? (program == nil ? "pgbouncer is not installed" : nil)
    }

    let directory: String
    private let process = Process()
    private let lifeline = Pipe()

    init(program: String, server: String) throws {
        let isRoot = getuid() == 0
        process.executableURL = URL(filePath: isRoot ? "/usr/sbin/runuser" : "/bin/sh")
        process.arguments =
            (isRoot ? ["-u", "postgres", "--", "/bin/sh"] : []) + [
                "-c", Self.script, "sh", program, server,
            ]
        process.currentDirectoryURL = URL(filePath: "/tmp")
        process.standardInput = lifeline
        let output = Pipe()
        process.standardOutput = output
        try process.start()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard line.hasPrefix("READY ") else { throw TestFailure("pgbouncer did not start: \(line)") }
        directory = line.dropFirst("READY ".count).trimmingCharacters(in: .newlines)
    }

    /// Two connections to the server for everybody, so that they change hands.
    private static let script = """
        dir=$(mktemp -d /tmp/moed-pooler.XXXXXX)
        chmod 755 "$dir"
        trap 'rm -rf "$dir"' EXIT
        cat >"$dir/ini" <<CONF
        [databases]
        * = host=$2 user=postgres
        [pgbouncer]
        listen_addr =
        listen_port = 6432
        unix_socket_dir = $dir
        auth_type = any
        pool_mode = transaction
        default_pool_size = 2
        CONF
        "$1" -q "$dir/ini" >"$dir/log" 2>&1 </dev/null &
        pooler=$!
        tries=0
        until [ -S "$dir/.s.PGSQL.6432" ]; do
            tries=$((tries + 1))
            if [ $tries -gt 3000 ] || ! kill -0 $pooler 2>/dev/null; then
                echo "$(tail -1 "$dir/log")"
                exit 1
            fi
            sleep 0.1
        done
        echo "READY $dir"
        cat >/dev/null || true
        kill $pooler
        wait $pooler || true
        """
}

/// T14: PgBouncer between daemons and server, handing out another server connection for each transaction.
@Suite(.serialized, .enabled(if: Pooler.obstacle == nil, Comment(rawValue: Pooler.obstacle ?? "")))
struct PoolerTests {
    private static let settings = """
        SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) AS all FROM pg_settings
         WHERE name IN ('search_path', 'plan_cache_mode', 'jit', 'enable_seqscan', 'enable_bitmapscan',
                        'enable_hashjoin', 'enable_mergejoin')
        """

    @Test func everythingWorksByPollingWithOneWarning() async throws {
        let scene = try await Scene()
        let pooler = try Pooler(program: Pooler.program?.path ?? "", server: scene.database.host)
        let pooled = "host=\(pooler.directory) port=6432 user=postgres dbname=\(scene.database.name)"
        // No lease ends here: an attempt more than one would be a claim the pooler lost.
        let arguments = scene.arguments(["engine.slots": "4"]).map {
            $0 == scene.database.conninfo ? pooled : $0
        }
        let daemons = [try MoedDaemonProcess(arguments), try MoedDaemonProcess(arguments)]
        #expect(
            try await eventually {
                try await scene.database.value("SELECT count(*) AS value FROM moed.worker", as: Int.self) == 2
            })
        for round in 0..<4 {
            try await scene.database.run(
                script: """
                    INSERT INTO moed.jobs (prompt, max_tokens) SELECT 'What is 3 + ' || i || '?', 60 FROM generate_series(1, 15) AS i
                    """)
            // The next ones come while these run.
            #expect(try await eventually { try await scene.count("state <> 'queued'") > 15 * round })
        }
        #expect(try await eventually { try await scene.count("state = 'succeeded'") == 60 })
        // The other clients of the pool get the server's own settings.
        let direct = try await scene.database.run(script: Self.settings)
        let client = try await Connection.connect(
            ConnectionSettings(conninfo: "\(pooled) application_name=client", applicationName: "client"))
        for _ in 0..<20 {
            let shared = try await client.run(script: "COMMIT; \(Self.settings)")
            #expect(
                try shared.rows.map { try $0.value("all", as: String.self) }
                    == direct.map { try $0.value("all") })
        }
        await client.close()
        for daemon in daemons {
            #expect(daemon.isRunning)
            daemon.signal(SIGTERM)
            #expect(try await daemon.exitCode() == 0)
            let warnings = daemon.logText.split(separator: "\n").filter { $0.contains("pooler") }
            #expect(warnings.count == 1, "\(daemon.logText)")
        }
        #expect(
            try await scene.count("attempt <> 1") == 0,
            "\(daemons.map(\.logText).joined(separator: "\n----\n"))")
        #expect(try await scene.accountingFaults() == [])
    }
}
