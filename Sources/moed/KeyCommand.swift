import ArgumentParser
import MoedCommands

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Create, list and revoke keys of the HTTP API.",
        discussion: """
            A key acts for one tenant. It is shown once, when it is created: the database keeps a digest only. The \
            database role must be a member of moed_operator.

            Examples:
              moed key create --tenant app
              moed key create --tenant app --name nightly --scope batches --expires 90d
              moed key create --tenant web --scope chat --requests-per-minute 60 --tokens-per-minute 100000
              moed key create --tenant admin --scope operate --expires 30d
              moed key list
              moed key revoke 3
            """,
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a key and print it.",
            discussion: """
                The key is the only line on standard output, so that a script can keep it. Its number goes to standard \
                error.

                Example:
                  moed key create --tenant app > key.txt
                """)

        @OptionGroup var database: DatabaseOptions

        @Option(help: "Tenant that the key acts for; a new name adds it.")
        var tenant: String

        @Option(help: "Name for people.")
        var name: String?

        @Option(
            name: .customLong("scope"),
            help: """
                batches (files and batches), chat (direct answers) or operate (actions of the page, over all tenants). \
                Repeatable; default: batches and chat.
                """)
        var scopes: [String] = []

        @Option(help: "Time after which the key is refused, such as 90d. Default: never.")
        var expires: String?

        @Option(help: "Direct requests in any minute; further ones get status 429. Default: no limit.")
        var requestsPerMinute: Int?

        @Option(
            help: """
                Tokens of direct requests in any minute. A request reserves what it may use, and gives the rest back \
                at its end. Default: no limit.
                """)
        var tokensPerMinute: Int?

        func validate() throws {
            let limits = [("--requests-per-minute", requestsPerMinute), ("--tokens-per-minute", tokensPerMinute)]
            for (name, value) in limits {
                guard (1...Int(Int32.max)).contains(value ?? 1) else {
                    throw ValidationError("\(name) must be in 1…\(Int32.max)")
                }
            }
        }

        func run() async throws {
            try await CommandExit.translate {
                var options = NewKeyOptions(tenant: tenant)
                options.name = name
                options.scopes = scopes
                options.expires = expires
                options.requestsPerMinute = requestsPerMinute
                options.tokensPerMinute = tokensPerMinute
                try await KeyCommands.create(conninfo: try database.conninfo(), options, asJSON: database.json)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List keys; the keys themselves are nowhere.")

        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            try await CommandExit.translate {
                try await KeyCommands.list(conninfo: try database.conninfo(), asJSON: database.json)
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a key at once.",
            discussion:
                "Exit code 0: the key is revoked. Exit code 1: there is no such key, or it was revoked before."
        )

        @OptionGroup var database: DatabaseOptions

        @Argument(help: "Number of the key.")
        var number: Int64

        func run() async throws {
            try await CommandExit.translate {
                try await KeyCommands.revoke(conninfo: try database.conninfo(), number: number)
            }
        }
    }
}
