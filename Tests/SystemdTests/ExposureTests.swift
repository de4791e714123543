import Foundation
import TestSupport
import Testing

/// Exposure of the unit file by `systemd-analyze security`: 0 is nothing exposed, 10 everything.
@Suite(.enabled(if: Command.find("systemd-analyze") != nil, "systemd-analyze is not installed"))
struct ExposureTests {
    private static let analyzer = Command.find("systemd-analyze")

    /// The overall exposure of a unit with the drop-ins, all taken from `systemd/`.
    private func exposure(_ unit: String = "moed.service", dropIns: [String]) async throws -> Double {
        let analyzer = try #require(Self.analyzer)
        let root = FileManager.default.temporaryDirectory.appending(
            path: "moed-exposure-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        let units = root.appending(path: "etc/systemd/system")
        let folder = units.appending(path: "\(unit).d")
        let program = root.appending(path: "usr/bin/moed")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(
            at: program.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data().write(to: program)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
        let source = Fixtures.packageRoot.appending(path: "systemd")
        try FileManager.default.copyItem(
            at: source.appending(path: unit), to: units.appending(path: unit))
        for name in dropIns {
            try FileManager.default.copyItem(
                at: source.appending(path: name), to: folder.appending(path: name))
        }
        let result = try await Command.run(
            analyzer, ["security", "--offline=true", "--root=\(root.path)", "--no-pager", unit])
        let match = try #require(
            result.output.firstMatch(of: /Overall exposure level for [a-z.-]+: ([0-9.]+)/),
            "\(result.output)")
        return try #require(Double(match.1))
    }

    @Test func withTCPToLoopback() async throws {
        let exposure = try await exposure(dropIns: [])
        #expect(exposure <= 1.2)
    }

    @Test func theGateway() async throws {
        #expect(try await exposure("moed-serve.service", dropIns: []) <= 1.2)
    }

    @Test func withTheUnixSocketOnly() async throws {
        let exposure = try await exposure(dropIns: ["moed-socket.conf"])
        #expect(exposure <= 0.5)
    }
}
