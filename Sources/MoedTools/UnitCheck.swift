import MoedCore
import MoedHost
import MoedSystemd

/// `moed check --unit`: the check with a unit's own view of disk, user, environment and credentials.
package enum UnitCheck {
    /// Runs the check in a unit for this one time, made of the other unit's lines, and prints its output.
    ///
    /// - Parameter options: further options of the check.
    /// - Throws: `ConfigurationProblem` when there is no systemd or no such unit.
    /// - Returns: the exit code of the check.
    package static func run(_ unit: String, options: [String]) throws -> Int32 {
        guard Host.isDirectory("/run/systemd/system") else {
            throw problem(
                unit, "systemd does not run here; without --unit the check looks as the present user does")
        }
        guard Host.isRoot else { throw problem(unit, "only root may run a program as the unit does") }
        let full = unit.contains(".") ? unit : "\(unit).service"
        guard let source = ChildProcess.run(["systemctl", "cat", "--no-pager", full]), source.status == 0
        else {
            throw problem(unit, "there is no unit \(full); `systemctl cat \(full)` says more")
        }
        let name = "moed-check-\(Host.processID).service"
        let (file, output) = ("/run/systemd/system/\(name)", "/run/\(name).output")
        guard let copy = UnitCopy(of: source.output, output: output, options: options) else {
            throw problem(unit, "\(full) does not run `moed run`")
        }
        try WholeFile.write(file, Array(copy.text.utf8))
        defer {
            for path in [file, output] { WholeFile.remove(path) }
            _ = ChildProcess.run(["systemctl", "reset-failed", "--quiet", name])
            _ = ChildProcess.run(["systemctl", "daemon-reload"])
        }
        guard ChildProcess.run(["systemctl", "daemon-reload"])?.status == 0 else {
            throw problem(unit, "systemctl daemon-reload failed")
        }
        let started = ChildProcess.run(["systemctl", "start", "--quiet", name])
        let text = (try? WholeFile.read(output, bytesMax: 1 << 20)) ?? []
        let shown = ChildProcess.run(["systemctl", "show", "--value", "--property=ExecMainStatus", name])
        guard !text.isEmpty else {
            throw problem(
                unit,
                "the unit cannot start a program (status \(started?.status ?? -1)): journalctl -u \(name)")
        }
        print(String(decoding: text, as: UTF8.self), terminator: "")
        return shown.flatMap { Int32($0.output.filter(\.isNumber)) } ?? 1
    }

    private static func problem(_ unit: String, _ reason: String) -> ConfigurationProblem {
        ConfigurationProblem("--unit \(unit): \(reason)")
    }
}
