import Foundation
import Glibc
import TestSupport
import Testing

/// The unit file under a real systemd, booted in a throw-away copy of this machine (`Tests/systemd/systemd-sandbox`).
@Suite(.serialized) struct UnitTests {
    @Test(.enabled(if: Sandbox.obstacle == nil, Comment(rawValue: Sandbox.obstacle ?? "")))
    func credentialsAndHardening() async throws {
        try await Sandbox.run("credentials-test.sh", checks: 10)
    }

    @Test(.enabled(if: Sandbox.daemonObstacle == nil, Comment(rawValue: Sandbox.daemonObstacle ?? "")))
    func theDaemonIsSupervised() async throws {
        let binary = try #require(MoedProgram.binary)
        try await Sandbox.run(
            "unit-test.sh", checks: 38, withPostgres: true,
            environment: ["MOED_BINARY": binary.path, "MOED_MODEL": Fixtures.sampleModel.path])
    }
}

/// Runs scripts of `Tests/systemd` as root of a machine of their own.
private enum Sandbox {
    static let scripts = Fixtures.packageRoot.appending(path: "Tests/systemd")

    /// Why there can be no sandbox here; nil when there can.
    static let obstacle: String? = {
        guard geteuid() == 0 else { return "the systemd sandbox needs root" }
        guard FileManager.default.isExecutableFile(atPath: "/lib/systemd/systemd") else {
            return "systemd is not installed"
        }
        let fileSystems = (try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8)) ?? ""
        guard fileSystems.contains("\toverlay\n") else { return "the kernel has no overlayfs" }
        // CAP_SYS_ADMIN makes the namespaces: root in a container is usually without it.
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        guard
            let effective = status.firstMatch(of: /CapEff:\s*([0-9a-f]+)/).flatMap({ UInt64($0.1, radix: 16) }
            ),
            effective & 1 << 21 != 0
        else { return "the systemd sandbox needs CAP_SYS_ADMIN" }
        return nil
    }()

    static let daemonObstacle: String? =
        if let obstacle {
            obstacle
        } else if MoedProgram.binary == nil {
            MoedProgram.missing
        } else if Command.find("psql") == nil {
            "psql is not installed"
        } else {
            nil
        }

    /// Runs a script and turns each of its `not ok` lines into an issue.
    ///
    /// - Parameter checks: the least number of checks a complete run makes; a script that stops early fails by it.
    static func run(
        _ script: String, checks: Int, withPostgres: Bool = false, environment: [String: String] = [:]
    ) async throws {
        let sandbox = scripts.appending(path: "systemd-sandbox")
        let server = scripts.appending(path: "with-postgres")
        let command = [sandbox.path, scripts.appending(path: script).path]
        let units = Fixtures.packageRoot.appending(path: "systemd").path
        var variables = environment
        variables["MOED_UNITS"] = units
        // Only a limit against a hang: the script waits for events, each for less than this.
        variables["SYSTEMD_SANDBOX_S"] = "2400"
        // The sandbox hides /tmp and /run, and mounts other than the root: bring in what the script reads.
        let folders = [
            units, Fixtures.sampleModel.path, MoedProgram.binary?.deletingLastPathComponent().path,
        ]
        variables["SYSTEMD_SANDBOX_BIND"] = folders.compactMap(\.self).joined(separator: ":")
        let result = try await Command.run(
            withPostgres ? server : sandbox, withPostgres ? command : Array(command.dropFirst()),
            environment: variables)
        let lines = result.output.split(separator: "\n")
        for line in lines where line.hasPrefix("not ok - ") { Issue.record("\(line.dropFirst(9))") }
        #expect(lines.count { $0.hasPrefix("ok - ") } >= checks)
        #expect(result.status == 0)
        if result.status != 0 { print(result.output) }
    }
}
