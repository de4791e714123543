import Foundation
import Glibc
import TestSupport
import Testing

/// The unit file under a real systemd, booted in a throw-away copy of this machine (`Tests/systemd/systemd-sandbox`).
@Suite(.serialized) struct UnitTests {
    @Test(.enabled(if: Sandbox.obstacle == nil, Comment(rawValue: Sandbox.obstacle ?? "")))
    func credentialsAndHardening() throws {
        try Sandbox.run("credentials-test.sh", checks: 10)
    }

    @Test(.enabled(if: Sandbox.daemonObstacle == nil, Comment(rawValue: Sandbox.daemonObstacle ?? "")))
    func theDaemonIsSupervised() throws {
        let binary = try #require(Sandbox.daemon)
        try Sandbox.run(
            "unit-test.sh", checks: 30, withPostgres: true,
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
        guard let unshare = Command.find("unshare"),
            let result = try? Command.run(
                unshare, ["--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "t", "/mnt"]),
            result.status == 0
        else { return "this process may not create mount and PID namespaces" }
        return nil
    }()

    /// `MOED_BINARY`, or the daemon built beside these tests.
    static let daemon: URL? = {
        let named = ProcessInfo.processInfo.environment["MOED_BINARY"].map { URL(filePath: $0) }
        let beside = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "moed")
        let file = named ?? beside
        return FileManager.default.isExecutableFile(atPath: file.path) ? file : nil
    }()

    static let daemonObstacle: String? =
        if let obstacle {
            obstacle
        } else if daemon == nil {
            "the daemon is not built: set MOED_BINARY to it"
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
    ) throws {
        let sandbox = scripts.appending(path: "systemd-sandbox")
        let server = scripts.appending(path: "with-postgres")
        let command = [sandbox.path, scripts.appending(path: script).path]
        var variables = environment
        variables["MOED_UNITS"] = Fixtures.packageRoot.appending(path: "systemd").path
        let result = try Command.run(
            withPostgres ? server : sandbox, withPostgres ? command : Array(command.dropFirst()),
            environment: variables)
        let lines = result.output.split(separator: "\n")
        for line in lines where line.hasPrefix("not ok - ") { Issue.record("\(line.dropFirst(9))") }
        #expect(lines.count { $0.hasPrefix("ok - ") } >= checks)
        #expect(result.status == 0)
        if result.status != 0 { print(result.output) }
    }
}
