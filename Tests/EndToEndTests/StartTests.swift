import Foundation
import TestSupport
import Testing

/// The start of a daemon, its checks, and the signals of an administrator.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct StartTests {
    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func health(_ socket: String) async throws -> HTTPGet.Answer? {
        try await HTTPGet.get("/healthz", socket: socket)
    }

    /// The status socket is there first, and says what the daemon waits for.
    @Test func withoutADatabaseHealthSaysSo() async throws {
        let socket = folder.path("status")
        let daemon = try MoedDaemonProcess([
            "run", "--database", "host=/nonexistent dbname=x", "--model", Fixtures.sampleModel.path,
            "--no-progress",
            "--set", "status.listen=\(socket)",
        ])
        #expect(
            try await eventually {
                try await health(socket)?.body.contains("waiting for PostgreSQL since 2") == true
            })
        #expect(try await health(socket)?.status == 503)
        #expect(try await eventually { daemon.logText.contains("waiting for PostgreSQL since 2") })
        daemon.signal(SIGHUP)
        #expect(try await health(socket)?.status == 503)
        #expect(daemon.isRunning)
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
    }

    /// A statement that fails while the database answers is no outage of the server.
    @Test func aFailingStatementIsNamed() async throws {
        let scene = try await Scene()
        let socket = folder.path("status")
        let daemon = try scene.start(["status.listen": socket])
        #expect(try await eventually { try await health(socket)?.status == 200 })
        try await scene.database.run(script: "ALTER TABLE moed.job RENAME TO hidden")
        #expect(
            try await eventually {
                try await health(socket)?.body.contains("PostgreSQL answers, but a statement fails since 2")
                    == true
            })
        try await scene.database.run(script: "ALTER TABLE moed.hidden RENAME TO job")
        #expect(try await eventually { try await health(socket)?.status == 200 })
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
        // The socket goes with the daemon.
        #expect(!FileManager.default.fileExists(atPath: socket))
    }

    @Test func hangUpReadsTheConfigurationAgain() async throws {
        let scene = try await Scene()
        let file = folder.path("moed.yaml")
        func write(_ rest: String) throws {
            try folder.write("moed.yaml", Array("queue: {lease: 1h, poll_interval: 100ms}\n\(rest)".utf8))
        }
        try write("log: {level: notice}")
        let daemon = try MoedDaemonProcess([
            "run", "--config", file, "--database", scene.database.conninfo, "--model",
            Fixtures.sampleModel.path,
            "--no-progress",
        ])
        #expect(try await eventually { daemon.logText.contains("ready:") })
        try write("log: {level: debug}\ngeneration: {max_tokens: 7}\nshutdown: {grace: 1s}")
        daemon.signal(SIGHUP)
        #expect(
            try await eventually { daemon.logText.contains("reload: in force: shutdown.grace, log.level") })
        #expect(daemon.logText.contains("a restart is needed for generation.max_tokens"))
        try write("log: {level: loud}")
        daemon.signal(SIGHUP)
        #expect(try await eventually { daemon.logText.contains("the old one stays in force") })
        #expect(daemon.logText.contains("log.level must be one of"))
        try await scene.database.run(
            script: "SELECT moed.enqueue(prompt => 'What is 1 + 1?', max_tokens => 20)")
        #expect(try await eventually { try await scene.count("state = 'succeeded'") == 1 })
        #expect(daemon.logText.contains("job succeeded"), "the level debug is in force")
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
    }

    /// `check` and `run` refuse the same with the same line.
    @Test(arguments: [
        ("memory.budget", "1MiB", "memory.budget: 1.05 MB are too little for this model"),
        ("memory.budget", "20", "memory.budget: 20 B are too little for this model"),
        ("engine.cpu", "avx513", "engine.cpu must be one of"),
    ])
    func whatRunRefusesCheckReports(_ key: String, _ value: String, _ line: String) async throws {
        let scene = try await Scene()
        let options = [
            "--database", scene.database.conninfo, "--model", Fixtures.sampleModel.path, "--set",
            "\(key)=\(value)",
        ]
        for command in ["run", "check"] {
            let result = try await MoedProgram.run([command] + options)
            #expect(result.status == 78 && result.errors.contains(line), "\(command): \(result.errors)")
        }
    }

    @Test func aStatusAddressThatIsNotMoedsIsRefusedByBoth() async throws {
        let scene = try await Scene()
        try folder.write("file.txt", [1])
        let options = [
            "--database", scene.database.conninfo, "--model", Fixtures.sampleModel.path,
            "--set", "status.listen=\(folder.path("file.txt"))",
        ]
        for command in ["run", "check"] {
            let result = try await MoedProgram.run([command] + options)
            #expect(
                result.status == 78 && result.errors.contains("status.listen: cannot listen on"),
                "\(result.errors)")
        }
        #expect(try folder.bytes("file.txt") == [1])
    }

    @Test func aBudgetBeyondTheMachineIsAWarning() async throws {
        let scene = try await Scene()
        let result = try await MoedProgram.run([
            "check", "--database", scene.database.conninfo, "--model", Fixtures.sampleModel.path,
            "--set", "memory.budget=800TiB",
        ])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("warning    memory.budget:"), "\(result.output)")
    }

    /// The daemon logs the same line.
    @Test func aRuleThatCannotBeAskedIsAWarning() async throws {
        let scene = try await Scene()
        try await scene.database.run(
            script: "INSERT INTO moed.policy (name, pattern) VALUES ('good', 'a+'), ('bad', 'x(')")
        let line = "the policy “bad” cannot be asked: its pattern “x(” is refused"
        let check = try await MoedProgram.run([
            "check", "--database", scene.database.conninfo, "--model", Fixtures.sampleModel.path,
        ])
        #expect(check.status == 0 && check.output.contains("warning    \(line)"), "\(check.output)")
        try await scene.database.run(
            script: "SELECT moed.enqueue(prompt => 'hello', max_tokens => 2, reasoning => 'non_thinking')")
        let daemon = try scene.start()
        #expect(try await eventually { try await scene.count("error_code = 'content_policy'") == 1 })
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0)
        #expect(daemon.logText.components(separatedBy: line).count == 2, "\(daemon.logText)")
        try await scene.database.run(script: "DELETE FROM moed.policy_verdict; DELETE FROM moed.policy WHERE name = 'bad'")
        let good = try await MoedProgram.run([
            "check", "--database", scene.database.conninfo, "--model", Fixtures.sampleModel.path,
        ])
        #expect(good.output.contains("policies   ok: 1"), "\(good.output)")
    }

    /// systemd 254 and newer hand a credential out with a mode that libpq refuses.
    @Test func theUnitsPasswordWorksWithEveryMode() async throws {
        let scene = try await Scene()
        let role = "\(scene.database.name)_secret"
        // The server asks the user moed_password for a password, and nobody else.
        try await scene.database.run(
            script: """
                DO $$ BEGIN CREATE ROLE moed_password LOGIN; EXCEPTION WHEN unique_violation OR duplicate_object THEN NULL; END $$;
                ALTER ROLE moed_password PASSWORD 'right';
                CREATE ROLE \(role); GRANT \(role) TO moed_password;
                GRANT USAGE ON SCHEMA moed TO \(role); GRANT ALL ON ALL TABLES IN SCHEMA moed TO \(role);
                GRANT ALL ON ALL SEQUENCES IN SCHEMA moed TO \(role)
                """)
        for text in ["*:*:*:*:right\n", "right\n"] {
            try folder.write("pgpass", Array(text.utf8))
            unsafe chmod(folder.path("pgpass"), 0o440)
            for passfile in [[:], ["PGPASSFILE": folder.path("pgpass")]] {
                let result = try await MoedProgram.run(
                    [
                        "check", "--model", Fixtures.sampleModel.path, "--database",
                        "host=\(scene.database.host) dbname=\(scene.database.name) user=moed_password",
                    ], environment: ["CREDENTIALS_DIRECTORY": folder.path].merging(passfile) { $1 })
                #expect(result.status == 0 && !result.errors.contains("WARNING"), "\(result.errors)")
            }
            unsafe chmod(folder.path("pgpass"), 0o600)
        }
    }

    @Test func withoutSystemdTheUnitsViewIsRefused() async throws {
        guard !FileManager.default.fileExists(atPath: "/run/systemd/system") else { return }
        let result = try await MoedProgram.run(["check", "--unit", "moed"])
        #expect(result.status == 78 && result.errors.contains("systemd does not run"), "\(result.errors)")
    }
}
