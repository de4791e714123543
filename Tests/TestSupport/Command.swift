package import Foundation

/// Does work that waits or computes for long on a thread of its own: tests share as few threads as the machine has
/// cores, and on two cores two such tests would stop all others.
package func onOwnThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws
    -> Value
{
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
    }
}

/// Programs that tests start.
package enum Command {
    package struct Result: Sendable {
        package var status: Int32
        /// Standard output and standard error as they came.
        package var output: String
    }

    /// Path of a program in `PATH` or in the system's program folders; nil when it is not installed.
    package static func find(_ name: String) -> URL? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders =
            path.split(separator: ":").map(String.init) + ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        return folders.map { URL(filePath: $0).appending(path: name) }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }

    /// Runs a program to its end, with standard input closed.
    package static func run(
        _ program: URL, _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> Result {
        try await onOwnThread { try wait(program, arguments, environment) }
    }

    private static func wait(
        _ program: URL, _ arguments: [String], _ environment: [String: String]
    ) throws -> Result {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.start()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Result(status: process.terminationStatus, output: String(decoding: data, as: UTF8.self))
    }
}
