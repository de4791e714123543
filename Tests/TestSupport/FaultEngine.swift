import Foundation

/// A server with the API of vLLM and a model by arithmetic, that fails by seed: `Tests/Fixtures/engines/fault_engine.py`.
package final class FaultEngine {
    private static let python = Command.find("python3")
    package static let missing = "python3 is not installed"
    package static var isAvailable: Bool { python != nil }

    private let process = Process()
    package let port: Int
    package var url: String { "http://127.0.0.1:\(port)/v1" }

    /// - Parameters:
    ///   - seed: seed of the faults.
    ///   - port: port to listen on; 0 takes a free one.
    ///   - name: another server of the folder, which takes the same arguments.
    package init(seed: Int = 1, port: Int = 0, script name: String = "fault_engine.py") throws {
        guard let python = Self.python else { throw TestFailure(Self.missing) }
        let script = Fixtures.packageRoot.appending(path: "Tests/Fixtures/engines/\(name)")
        let output = Pipe()
        process.executableURL = python
        process.arguments = [script.path, "\(seed)", "\(port)"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.start()
        var line = Data()
        // The server writes its port once it listens.
        while line.last != 10, let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty { line += byte }
        guard let number = Int(String(decoding: line.dropLast(), as: UTF8.self)) else {
            throw TestFailure("the fault engine did not start")
        }
        self.port = number
    }

    deinit { kill() }

    /// Ends the server at once, as a crash would.
    package func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Changes the schedule of faults: `{"rate": 0.3, "kinds": [...], "delay": 0.01}`.
    package func schedule(_ json: String) async throws {
        _ = try await Self.exchange(port, "POST /faults HTTP/1.0\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)")
    }

    /// Counts of requests, tokens and faults, as JSON text.
    package func stats() async throws -> String {
        let answer = try await Self.exchange(port, "GET /stats HTTP/1.0\r\n\r\n")
        return answer.range(of: "\r\n\r\n").map { String(answer[$0.upperBound...]) } ?? ""
    }

    private static func exchange(_ port: Int, _ request: String) async throws -> String {
        try await onOwnThread { try HTTPGet.exchange(port: port, request: request) }
    }
}
