import ArgumentParser
import MoedCommands
import MoedCore
import MoedHost
import MoedSettings

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Show the status live.",
        discussion: """
            The same figures as `moed status`, drawn again every few seconds until Ctrl-C. Where standard output is no \
            terminal, it prints one screen and ends.

            Examples:
              moed top
              moed top --every 10s
              moed top --screens 60 --every 1m --json > hour.jsonl
            """)

    @OptionGroup var database: DatabaseOptions

    @Option(help: "Time between two screens.")
    var every = "2s"

    @Option(help: "Number of screens. Default: without end on a terminal, else 1.")
    var screens: Int?

    func validate() throws {
        guard (1...Int(Int32.max)).contains(screens ?? 1) else { throw ValidationError("--screens must be at least 1") }
        guard let time = Duration(setting: every), time >= .milliseconds(100), time <= .seconds(86_400) else {
            throw ValidationError("--every must be a time in 100ms…1d, not “\(every)”")
        }
    }

    func run() async throws {
        try await CommandExit.translate {
            try await LiveCommands.top(
                conninfo: try database.conninfo(), every: Duration(setting: every) ?? .seconds(2), screens: screens,
                asJSON: database.json)
        }
    }
}

struct PruneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Delete jobs that ended long ago.",
        discussion: """
            Deletes jobs with their requests, answers and history, the oldest first, a thousand in a transaction. The \
            token account stays. Batches whose jobs are gone go with them. Workers do the same every minute for \
            queue.retention. It needs moed_operator.

            Examples:
              moed prune --older-than 30d --dry-run
              moed prune --older-than 30d
            """)

    @OptionGroup var database: DatabaseOptions

    @Option(help: "Age of the jobs' ends, such as 30d or 12h.")
    var olderThan: String

    @Option(help: "Maximum number of jobs. Default: all.")
    var limit: Int?

    @Flag(help: "Count the jobs and delete none.")
    var dryRun = false

    func validate() throws {
        guard limit ?? 1 > 0 else { throw ValidationError("--limit must be at least 1") }
        guard Duration(setting: olderThan) != nil else {
            throw ValidationError("--older-than must be a time like 30d or 12h, not “\(olderThan)”")
        }
    }

    func run() async throws {
        try await CommandExit.translate {
            try await PruneCommands.run(
                conninfo: try database.conninfo(), olderThan: Duration(setting: olderThan) ?? .zero, most: limit,
                isDry: dryRun, asJSON: database.json)
        }
    }
}

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Print a bundle of facts for a support request, without secrets.",
        discussion: """
            Version, machine, the settings that were set, server, migrations, workers, queue, codes of failures, \
            sizes of tables, old transactions. It has no prompt, no answer, no name of a tenant, no message of a job's \
            error and no connection string. A part that the role may not read has the error in its place. Exit code \
            0 also when the database does not answer: that is a finding.

            Examples:
              moed doctor > doctor.txt
              moed doctor --config /etc/moed/moed.yaml --json
            """)

    @OptionGroup var settings: SettingOptions

    @Flag(help: "Print JSON for programs.")
    var json = false

    func run() async throws {
        try await CommandExit.translate {
            let sources = try settings.sources()
            try await DoctorCommands.run(
                conninfo: sources.conninfo, settings: sources.shownValues.map { value in
                    JSONObject([
                        ("key", .string(value.key)), ("value", .string(value.text)), ("origin", .string(value.origin)),
                    ])
                }, problems: sources.problems.map { "\($0)" }, asJSON: json)
        }
    }
}
