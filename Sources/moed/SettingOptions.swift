import ArgumentParser
import MoedHost
import MoedSettings

/// The options of every command that reads the configuration. They override `MOED_…` variables and the file.
struct SettingOptions: ParsableArguments {
    @Option(
        help: """
            YAML file; `moed settings --yaml` prints one with all keys. Default: /etc/moed/moed.yaml where it exists \
            and no --database is given.
            """)
    var config: String?

    @Option(name: .customLong("database"), help: "Connection string or URI of libpq (database.url).")
    var database: String?

    @Option(
        name: .customLong("model"), help: "Hugging Face directory, GGUF file or pack (model.path).")
    var model: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("Set any key, e.g. --set queue.lease=30s. Repeatable.", valueName: "key=value"))
    var assignments: [String] = []

    /// The options that were given, as words of a command line.
    var words: [String] {
        let named = [("--config", config), ("--database", database), ("--model", model)]
        return named.flatMap { name, value in value.map { [name, $0] } ?? [] }
            + assignments.flatMap { ["--set", $0] }
    }

    /// Merged sources.
    func sources() throws -> SettingSources { try reading()() }

    /// A function that reads and merges the sources, each time it is called.
    func reading() throws -> @Sendable () -> SettingSources {
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
        let (file, all) = (config, flags)
        return { Self.gather(config: file, flags: all) }
    }

    /// Merges the sources. Without a named file the system's is read, unless a flag names the database.
    static func gather(config: String?, flags: [(path: String, text: String)]) -> SettingSources {
        let isNamed = flags.contains { $0.path == "database.url" }
        let file = config ?? (isNamed || !Host.fileExists(systemFile) ? nil : systemFile)
        return SettingSources.gather(file: file, environment: Host.environment, flags: flags)
    }

    private static let systemFile = "/etc/moed/moed.yaml"
}
