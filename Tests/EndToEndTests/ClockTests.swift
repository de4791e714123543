import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Debian's `faketime`, which shifts the wall clock of a process.
private enum FakeTime {
    static let library: String? = ["x86_64", "aarch64"]
        .map { "/usr/lib/\($0)-linux-gnu/faketime/libfaketime.so.1" }
        .first { FileManager.default.fileExists(atPath: $0) }

    static var obstacle: String? {
        Scene.obstacle ?? (library == nil ? "faketime is not installed" : nil)
    }

    /// Removes the library's leftovers of ended processes in shared memory. Their names end with the process id.
    static func cleanUp() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: "/dev/shm") where name.contains("faketime") {
            let process = name.split(separator: "_").last.map(String.init) ?? ""
            guard Int32(process) != nil, !FileManager.default.fileExists(atPath: "/proc/\(process)") else { continue }
            try FileManager.default.removeItem(atPath: "/dev/shm/\(name)")
        }
    }
}

/// T15: the workers' clocks are an hour off the database's. Only the database's clock decides.
///
/// The tests shift the server's clock: a preloaded library shifts the times that a process reads, not the kernel's
/// timers, and the daemon waits for instants.
@Suite(.serialized, .enabled(if: FakeTime.obstacle == nil, Comment(rawValue: FakeTime.obstacle ?? "")))
struct ClockTests {
    @Test(arguments: [1, -1])
    func onlyTheDatabasesClockDecides(hours: Int) async throws {
        let server = PostgresServer(environment: [
            "LD_PRELOAD": FakeTime.library ?? "", "FAKETIME": hours > 0 ? "+\(hours)h" : "\(hours)h",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        ])
        let scene = try await Scene(on: server)
        // Renewed every 30 s: a worker that is alive keeps it, however slow the machine.
        let settings = ["engine.slots": "2", "queue.lease": "120s"]
        let daemons = [try scene.start(settings), try scene.start(settings)]
        try #require(
            try await eventually {
                try await scene.database.value("SELECT count(*) AS value FROM moed.worker", as: Int.self) == 2
            }, "\(daemons.map(\.logText))")
        let leases = "SELECT extract(epoch FROM min(expires_at))::float8 AS value FROM moed.worker"
        let first: Double = try #require(try await scene.database.value(SQL(stringLiteral: leases)))
        // One job that is not due at once.
        try await scene.database.run(
            script: """
                SELECT moed.enqueue(prompt => 'What is 1 + 1?', max_tokens => 5, run_at => now() + interval '15 s')
                """)
        var added = 0
        var isEarly = true
        // Until that job is due, and both have renewed their leases.
        repeat {
            try await scene.database.query(
                "INSERT INTO moed.jobs (prompt, max_tokens) SELECT 'What is 2 + ' || i || '?', 40 FROM generate_series(1, 8) AS i"
            )
            added += 8
            #expect(
                try await eventually {
                    try await scene.count("state = 'succeeded' AND prompt <> 'What is 1 + 1?'") == Int64(added)
                })
            let renewed: Double = try #require(try await scene.database.value(SQL(stringLiteral: leases)))
            let waiting = try await scene.count("finished_at IS NULL AND run_at > now()")
            isEarly = waiting > 0 || renewed < first + 20
        } while isEarly
        #expect(
            try await eventually {
                try await scene.count("state = 'succeeded'") == Int64(added) + 1
            })
        for daemon in daemons {
            #expect(daemon.isRunning)
            daemon.signal(SIGTERM)
            #expect(try await daemon.exitCode() == 0)
        }
        let wrong = try await scene.database.query(
            """
            SELECT concat_ws(' ', id, started_at - run_at, attempt, crashes) AS job FROM moed.job
             WHERE started_at < run_at OR attempt <> 1 OR crashes <> 0 OR finished_at < started_at
            """
        ).map { try $0.value("job", as: String.self) }
        #expect(wrong == [], "started early, or taken from a worker that was alive")
        #expect(
            try await scene.count(
                "abs((response ->> 'created')::bigint - extract(epoch FROM finished_at)) NOT BETWEEN 3500 AND 3700"
            ) == 0, "the clocks were not an hour apart")
        #expect(try await scene.accountingFaults() == [])
        try FakeTime.cleanUp()
    }
}
