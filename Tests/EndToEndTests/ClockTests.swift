import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Debian's `faketime`: moves the wall clock of a process.
private enum FakeTime {
    static let library: String? = ["x86_64", "aarch64"]
        .map { "/usr/lib/\($0)-linux-gnu/faketime/libfaketimeMT.so.1" }
        .first { FileManager.default.fileExists(atPath: $0) }
    /// Removes what the library leaves in shared memory.
    static func forget(_ process: Int32) {
        for name in ["faketime_shm_\(process)", "sem.faketime_sem_\(process)"] {
            try? FileManager.default.removeItem(atPath: "/dev/shm/\(name)")
        }
    }

    static var obstacle: String? {
        Scene.obstacle ?? (library == nil ? "faketime is not installed" : nil)
    }
}

/// T15: workers whose clocks are wrong by an hour. Only the database's clock decides.
@Suite(.serialized, .enabled(if: FakeTime.obstacle == nil, Comment(rawValue: FakeTime.obstacle ?? "")))
struct ClockTests {
    private func start(_ scene: Scene, clock offset: String) throws -> MoedDaemonProcess {
        try MoedDaemonProcess(
            scene.arguments(["engine.slots": "2", "queue.lease": "6s"]),
            environment: [
                "LD_PRELOAD": FakeTime.library ?? "", "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            ], throughShell: true)
    }

    @Test func onlyTheDatabasesClockDecides() async throws {
        let scene = try await Scene()
        let daemons = [try start(scene, clock: "+1h"), try start(scene, clock: "-1h")]
        try #require(
            try await eventually(within: 60) {
                try await scene.database.value("SELECT count(*) AS value FROM moed.worker", as: Int.self) == 2
            }, "\(daemons.map(\.logText))")
        // Two leases long and more, and one job that is not due before.
        try await scene.database.run(
            script: """
                SELECT moed.enqueue(prompt => 'What is 1 + 1?', max_tokens => 5, run_at => now() + interval '15 s')
                """)
        var added = 0
        repeat {
            try await scene.database.query(
                "INSERT INTO moed.jobs (prompt, max_tokens) SELECT 'What is 2 + ' || i || '?', 40 FROM generate_series(1, 8) AS i"
            )
            added += 8
            try await Task.sleep(for: .milliseconds(500))
        } while try await scene.count("finished_at IS NULL AND run_at > now()") > 0
        #expect(
            try await eventually(within: 180) {
                try await scene.count("state = 'succeeded'") == Int64(added) + 1
            })
        for daemon in daemons {
            #expect(daemon.isRunning)
            daemon.signal(SIGTERM)
            #expect(try await daemon.exitCode(within: 60) == 0)
            FakeTime.forget(daemon.processID)
        }
        let wrong = try await scene.database.query(
            """
            SELECT id, started_at - run_at AS early, attempt, crashes FROM moed.job
             WHERE started_at < run_at OR attempt <> 1 OR crashes <> 0 OR finished_at < started_at
                OR started_at NOT BETWEEN now() - interval '30 min' AND now()
            """)
        #expect(wrong.count == 0, "a job was started early, or taken from a worker that was alive")
        #expect(
            try await scene.count(
                "abs((response ->> 'created')::bigint - extract(epoch FROM finished_at)) NOT BETWEEN 3500 AND 3700"
            )
                == 0, "the workers' clocks were not wrong")
        #expect(
            try await scene.database.value(
                "SELECT count(DISTINCT worker_id) AS value FROM moed.job_attempt", as: Int.self) == 2,
            "one worker did everything: the test proves little")
        #expect(try await scene.accountingFaults() == [])
    }
}
