import ArgumentParser
import MoedDaemon

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Create or update the schema `moed` in the database.",
        discussion: "Safe to run at any time and from several places at once: it does only what is missing.")

    @OptionGroup var settings: SettingOptions

    @Flag(help: "Print the SQL that would be run, and change nothing.")
    var dryRun = false

    func run() async throws {
        try await CommandExit.translate {
            try await Administration.migrate(try self.settings.sources(), dryRun: dryRun)
        }
    }
}

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check configuration, database, schema and model.",
        discussion: "Exit code 0 when `moed run` would start, otherwise 78 with one line for each problem.")

    @OptionGroup var settings: SettingOptions

    func run() async throws {
        try await CommandExit.translate {
            try await Administration.check(try self.settings.sources())
        }
    }
}
