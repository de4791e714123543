import ArgumentParser
import MoedDaemon
import MoedHost

/// The options of every command that reads the configuration. They override `MOED_…` variables and the file.
struct SettingOptions: ParsableArguments {
    @Option(help: "YAML file; `moed settings --yaml` prints one with all keys.")
    var config: String?

    @Option(name: .customLong("database"), help: "Connection string or URI of libpq (database.url).")
    var database: String?

    @Option(
        name: .customLong("model"), help: "Directory of a Hugging Face checkpoint or of a pack (model.path).")
    var model: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("Set any key, e.g. --set queue.lease=30s. Repeatable.", valueName: "key=value"))
    var assignments: [String] = []

    /// Merged sources.
    func sources() throws -> SettingSources {
        var flags: [(path: String, text: String)] = []
        for assignment in assignments {
            guard let equals = assignment.firstIndex(of: "=") else {
                throw ValidationError("--set needs key=value, not “\(assignment)”")
            }
            flags.append(
                (String(assignment[..<equals]), String(assignment[assignment.index(after: equals)...])))
        }
        if let database { flags.append(("database.url", database)) }
        if let model { flags.append(("model.path", model)) }
        return SettingSources.gather(file: config, environment: Host.environment, flags: flags)
    }
}
