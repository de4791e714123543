import ArgumentParser
import MoedCore
import MoedSettings

/// Options of commands that need the database alone.
struct DatabaseOptions: ParsableArguments {
    @Option(help: "YAML file. Default: /etc/moed/moed.yaml where it exists and no --database is given.")
    var config: String?

    @Option(help: "Connection string or URI of libpq (database.url).")
    var database: String?

    @Flag(help: "Print JSON for programs.")
    var json = false

    /// Connection string of the database.
    func conninfo() throws -> String {
        let sources = SettingOptions.gather(
            config: config, flags: database.map { [("database.url", $0)] } ?? [])
        guard sources.problems.isEmpty else { throw ConfigurationProblems(sources.problems) }
        return sources.conninfo
    }
}
