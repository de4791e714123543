import ArgumentParser
import MoedClient
import MoedCommands
import MoedHost

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Import a file of requests as a batch.",
        discussion: """
            FILE has one request a line, in OpenAI's batch format: {"custom_id": "…", "body": {"messages": […]}}. A \
            line at fault becomes an error of the batch; the others run. The id of the batch is the only line on \
            standard output.

            Lines are added in parts, each in a transaction. After an interruption the same command continues, and no \
            line is added twice. A file that was imported already is not imported again: --again does it. Standard \
            input (-) cannot be continued.

            Exit code 0: the lines are in the database; with --wait: the jobs have ended.

            Examples:
              moed import tonight.jsonl --name tonight --window 12h
              moed export $(moed import tonight.jsonl --wait) > answers.jsonl
              zstdcat big.jsonl.zst | moed import - --name big --model qwen3
            """)

    @OptionGroup var database: DatabaseOptions

    @Argument(help: "File of requests; - is standard input.")
    var file: String

    @Option(help: "Name of the batch. Default: the name of the file.")
    var name: String?

    @Option(help: "Tenant of the jobs. Default: that of the database role, or default.")
    var tenant: String?

    @Option(help: "Model of lines that name none.")
    var model: String?

    @Option(help: "Mode of lines that choose none: thinking or non_thinking.")
    var reasoning: String?

    @Option(help: "Priority of the jobs; higher starts first.")
    var priority: Int?

    @Option(help: "Time in which the jobs must end, such as 24h. Later ones end as expired.")
    var window: String?

    @Option(help: "Most that its requests to endpoints outside of the house may cost together, such as 12.50.")
    var moneyMax: String?

    @Flag(help: "Import the file even if it was imported before.")
    var again = false

    @Flag(help: "Wait until all jobs of the batch have ended.")
    var wait = false

    @Flag(inversion: .prefixedNo, help: "Show progress on standard error (default: on a terminal).")
    var progress: Bool?

    func run() async throws {
        try await CommandExit.translate {
            var new = JobClient.NewImport(
                name: name ?? (file == "-" ? "standard input" : WholeFile.name(of: file)), key: "")
            new.tenant = tenant
            new.model = model
            new.reasoning = reasoning
            new.priority = priority
            if let moneyMax {
                guard let money = Double(moneyMax), money > 0, money.isFinite else {
                    throw ValidationError("--money-max must be a number above 0, not “\(moneyMax)”")
                }
                new.moneyMax = moneyMax
            }
            if let window {
                guard let time = Duration(setting: window), time > .zero else {
                    throw ValidationError("--window must be a time like 90m or 24h, not “\(window)”")
                }
                new.window = Double(time.components.seconds)
            }
            var options = ImportCommands.Options(path: file, new: new)
            options.isAgain = again
            options.waits = wait
            options.showsProgress = progress ?? Host.isTerminal(2)
            options.asJSON = database.json
            try await ImportCommands.run(conninfo: try database.conninfo(), options)
        }
    }
}

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print the output of a batch.",
        discussion: """
            One line for each line of the input whose job has ended, in OpenAI's batch format and in the order of the \
            input. The same as moed.export_batch() in SQL, in parts: outputs of any size take little memory.

            Examples:
              moed export 0b9f1d4e-7c1e-4b57-9a77-0d9f3d3a5c11 > answers.jsonl
              moed export "$BATCH" --wait | jq -r .response.body.choices[0].message.content
            """)

    @OptionGroup var database: DatabaseOptions

    @Argument(help: "Id of the batch, as moed import printed it.")
    var batch: String

    @Flag(help: "Wait until all jobs of the batch have ended.")
    var wait = false

    func run() async throws {
        try await CommandExit.translate {
            try await ImportCommands.export(conninfo: try database.conninfo(), batch: batch, waits: wait)
        }
    }
}
