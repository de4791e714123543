import ArgumentParser
import MoedCommands

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel jobs.",
        discussion: """
            Give numbers of jobs or conditions. Waiting jobs end at once, running ones within about a second. Exit \
            code 1: a named job had ended already, or is not there.

            Examples:
              moed cancel 42 43
              moed cancel --batch "$BATCH"
              moed cancel --tenant app --state queued
            """)

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var conditions: FilterOptions

    @Argument(help: "Numbers of jobs.")
    var jobs: [Int64] = []

    func validate() throws {
        guard conditions.errorCode == nil else {
            throw ValidationError("jobs that failed cannot be cancelled: leave --error out")
        }
    }

    func run() async throws {
        try await CommandExit.translate {
            try await ActionCommands.run(
                conninfo: try database.conninfo(), .cancel, jobs: jobs, conditions.filter,
                asJSON: database.json)
        }
    }
}

struct RedriveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redrive",
        abstract: "Queue failed and cancelled jobs again.",
        discussion: """
            Give numbers of jobs or conditions. The jobs have fresh attempts. It needs moed_operator. Exit code 1: a \
            named job had not failed and was not cancelled, or is not there.

            Examples:
              moed redrive 42
              moed redrive --error worker_lost --tenant app
            """)

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var conditions: FilterOptions

    @Argument(help: "Numbers of jobs.")
    var jobs: [Int64] = []

    func run() async throws {
        try await CommandExit.translate {
            try await ActionCommands.run(
                conninfo: try database.conninfo(), .redrive, jobs: jobs, conditions.filter,
                asJSON: database.json)
        }
    }
}

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Start no more jobs: all, of a model or of a tenant.",
        discussion: """
            Running jobs go on. It needs moed_operator.

            Examples:
              moed pause
              moed pause --tenant app
            """)

    @OptionGroup var database: DatabaseOptions

    @Option(name: .customLong("model"), help: "Pause this model only.")
    var model: String?

    @Option(help: "Pause this tenant only.")
    var tenant: String?

    func run() async throws {
        try await CommandExit.translate {
            try await ActionCommands.setPaused(
                conninfo: try database.conninfo(), model: model, tenant: tenant, isPaused: true,
                asJSON: database.json)
        }
    }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "End a pause.",
        discussion: """
            Each pause is ended as it was begun: that of a tenant by --tenant. `moed status` lists them. It needs \
            moed_operator.

            Example:
              moed resume --tenant app
            """)

    @OptionGroup var database: DatabaseOptions

    @Option(name: .customLong("model"), help: "Resume this model.")
    var model: String?

    @Option(help: "Resume this tenant.")
    var tenant: String?

    func run() async throws {
        try await CommandExit.translate {
            try await ActionCommands.setPaused(
                conninfo: try database.conninfo(), model: model, tenant: tenant, isPaused: false,
                asJSON: database.json)
        }
    }
}
