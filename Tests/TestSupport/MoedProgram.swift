package import Foundation

/// The program under test: `MOED_BINARY`, or the program built beside the tests.
package enum MoedProgram {
    package static let binary: URL? = {
        let named = ProcessInfo.processInfo.environment["MOED_BINARY"].map { URL(filePath: $0) }
        let beside = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "moed")
        let file = named ?? beside
        return FileManager.default.isExecutableFile(atPath: file.path) ? file : nil
    }()

    package static let missing = "the daemon is not built: set MOED_BINARY to it"

    /// Runs a command to its end with `input` on standard input. Standard error goes to the test's own.
    package static func run(
        _ arguments: [String], input: String = "", environment: [String: String] = [:]
    ) async throws -> (status: Int32, output: String, errors: String) {
        guard let binary else { throw TestFailure(missing) }
        return try await onOwnThread { try wait(binary, arguments, input, environment) }
    }

    private static func wait(
        _ binary: URL, _ arguments: [String], _ input: String, _ environment: [String: String]
    ) throws -> (status: Int32, output: String, errors: String) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "moed-run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // Files, not pipes: a pipe that nobody empties in time would stop the program.
        let files = ["in", "out", "err"].map { folder.appending(path: $0) }
        try Data(input.utf8).write(to: files[0])
        for file in files.dropFirst() { try Data().write(to: file) }
        let process = Process()
        process.executableURL = binary
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = try FileHandle(forReadingFrom: files[0])
        process.standardOutput = try FileHandle(forWritingTo: files[1])
        process.standardError = try FileHandle(forWritingTo: files[2])
        try process.start()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: try Data(contentsOf: files[1]), as: UTF8.self),
            String(decoding: try Data(contentsOf: files[2]), as: UTF8.self)
        )
    }
}

/// A daemon in the background. Killed with the test if it is still there.
package final class MoedDaemonProcess {
    private let process = Process()
    private let log: URL

    package init(_ arguments: [String], environment: [String: String] = [:]) throws {
        guard let binary = MoedProgram.binary else { throw TestFailure(MoedProgram.missing) }
        log = FileManager.default.temporaryDirectory.appending(path: "moed-log-\(UUID().uuidString)")
        try Data().write(to: log)
        process.executableURL = binary
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: log)
        try process.start()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: log)
    }

    package var isRunning: Bool { process.isRunning }
    package var processID: Int32 { process.processIdentifier }
    /// Text logged so far.
    package var logText: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    package func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Runs the daemon in short steps and checks `condition` between them while the daemon is stopped, until it holds.
    /// The observed state lasts until `thaw()` or a deadly signal, however slow the test is.
    ///
    /// - Parameter moment: length of a step in the daemon's processor time; a busy machine then makes as much progress.
    /// - Returns: true when the condition holds; the daemon is then stopped. On false it continues to run.
    package func freeze(
        after moment: Duration = .milliseconds(50), when condition: () async throws -> Bool
    ) async throws -> Bool {
        let process = processID
        let holds = try await eventually {
            guard self.isRunning else { return try await condition() }
            // On a thread of its own, so that no other test makes the moment longer.
            try await onOwnThread { Self.run(process, for: moment) }
            return try await condition()
        }
        if !holds { thaw() }
        return holds
    }

    /// Runs a process for `moment` of processor time; a waiting process, for one second.
    private static func run(_ process: Int32, for moment: Duration) {
        kill(process, SIGCONT)
        let start = processorTime(process)
        for _ in 0..<1000 where processorTime(process) - start < moment { usleep(1000) }
        kill(process, SIGSTOP)
    }

    private static func processorTime(_ process: Int32) -> Duration {
        var (clock, time) = (clockid_t(), timespec())
        guard unsafe clock_getcpuclockid(process, &clock) == 0, unsafe clock_gettime(clock, &time) == 0 else {
            return .zero
        }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// Resumes a frozen daemon.
    package func thaw() { signal(SIGCONT) }

    /// Waits for the end. Returns the exit code, or minus the signal that ended it; nil when it did not end in time.
    package func exitCode() async throws -> Int32? {
        guard try await eventually({ !self.process.isRunning }) else { return nil }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }
}

/// Polls until a condition holds. Returns false when it does not after 30,000 polls, ten minutes on an idle machine.
///
/// Polls are counted, not seconds: where all tests run at once on a busy machine, the polling task waits for a thread
/// as long as the task that it watches.
package func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<30_000 {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(20))
    }
    return try await condition()
}
