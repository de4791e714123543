import ArgumentParser
import MoedClient
import MoedCommands

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show workers, queue, progress and the latest failures.",
        discussion: """
            Reads the views moed.health, moed.workers, moed.queue_stats and moed.progress. A client sees its own jobs \
            and no workers; moed_reader and moed_operator see everything.

            Example:
              watch -n 5 moed status
            """)

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await CommandExit.translate {
            try await ReportCommands.status(conninfo: try database.conninfo(), asJSON: database.json)
        }
    }
}

/// Conditions on jobs.
struct FilterOptions: ParsableArguments {
    @Option(help: "Jobs of this batch.")
    var batch: String?

    @Option(name: .customLong("model"), help: "Jobs of this model.")
    var model: String?

    @Option(help: "Jobs of this tenant.")
    var tenant: String?

    @Option(help: "Jobs in this state: queued, scheduled, running, succeeded, failed or cancelled.")
    var state: String?

    @Option(name: .customLong("error"), help: "Jobs that failed with this code, such as expired.")
    var errorCode: String?

    var filter: JobClient.JobFilter {
        var filter = JobClient.JobFilter()
        filter.batch = batch
        filter.model = model
        filter.tenant = tenant
        filter.state = state
        filter.errorCode = errorCode
        return filter
    }
}

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "List jobs, the newest first.",
        discussion: """
            Conditions are all to be fulfilled.

            Examples:
              moed jobs --state failed --limit 100
              moed jobs --batch "$BATCH" --json | jq -r .id
            """)

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var conditions: FilterOptions

    @Option(help: "Maximum number of jobs.")
    var limit = 20

    func validate() throws {
        guard (1...1_000_000).contains(limit) else { throw ValidationError("--limit must be in 1…1000000") }
    }

    func run() async throws {
        try await CommandExit.translate {
            try await ReportCommands.jobs(
                conninfo: try database.conninfo(), conditions.filter, limit: limit, asJSON: database.json)
        }
    }
}

struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one job and its attempts.",
        discussion: """
            Prompts and answers are shown with --bodies only. Exit code 1: there is no such job.

            Example:
              moed show 42 --bodies
            """)

    @OptionGroup var database: DatabaseOptions

    @Argument(help: "Number of the job.")
    var job: Int64

    @Flag(help: "Also show the request, the prompt and the answer.")
    var bodies = false

    func run() async throws {
        try await CommandExit.translate {
            try await ReportCommands.job(
                conninfo: try database.conninfo(), id: job, showsBodies: bodies, asJSON: database.json)
        }
    }
}

struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Say why a job is in its state.",
        discussion: """
            The same as moed.why() in SQL: what a waiting job waits for, or how it ended.

            Example:
              moed why 42
            """)

    @OptionGroup var database: DatabaseOptions

    @Argument(help: "Number of the job.")
    var job: Int64

    func run() async throws {
        try await CommandExit.translate {
            try await ReportCommands.why(conninfo: try database.conninfo(), id: job, asJSON: database.json)
        }
    }
}

struct UsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Sum tokens or money from the token account.",
        discussion: """
            Reads moed.usage_daily, or with --money moed.cost_daily, which needs prices in moed.price. Days are those \
            of UTC.

            Examples:
              moed usage --by tenant,model --days 30
              moed usage --by day --money --json
            """)

    @OptionGroup var database: DatabaseOptions

    @Option(help: "Columns to sum by, with commas: day, tenant, model, mode. Empty: one sum.")
    var by = "day,tenant,model"

    @Option(help: "Number of days, today included.")
    var days = 7

    @Flag(help: "Sum costs instead of tokens.")
    var money = false

    func validate() throws {
        guard (1...100_000).contains(days) else { throw ValidationError("--days must be in 1…100000") }
    }

    func run() async throws {
        try await CommandExit.translate {
            try await ReportCommands.usage(
                conninfo: try database.conninfo(), columns: by, days: days, asMoney: money,
                asJSON: database.json)
        }
    }
}
