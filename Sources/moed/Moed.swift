import ArgumentParser
import MoedCore
import MoedDaemon
import MoedHost

@main
struct Moed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "moed",
        abstract: "Offline bulk generation with Qwen3 models, from SQL.",
        discussion: """
            Applications enqueue generation jobs in PostgreSQL. `moed run` runs them in batches through a model on \
            the CPU. It writes answers and exact token counts back. First steps:

              moed settings --yaml > moed.yaml   set database.url and model.path in it
              moed migrate --config moed.yaml    create or update the schema
              moed check   --config moed.yaml    check database and model
              psql -c "SELECT moed.enqueue(prompt => 'What is 27 + 58?')"
              moed run     --config moed.yaml    run jobs (--drain: until none is left)
              psql -c "SELECT id, state, content FROM moed.jobs"

            The filters (tokenize, detokenize, template, score, generate) read and write JSON lines. They need no \
            database.
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Daemon",
                subcommands: [
                    RunCommand.self, ServeCommand.self, KeyCommand.self, MigrateCommand.self, CheckCommand.self,
                    SettingsCommand.self,
                ]),
            CommandGroup(
                name: "Model",
                subcommands: [
                    InspectCommand.self, PackCommand.self, GenerateCommand.self, ScoreCommand.self,
                    BenchCommand.self, PlanCommand.self, ReplayCommand.self,
                ]),
            CommandGroup(
                name: "Queue",
                subcommands: [
                    ImportCommand.self, ExportCommand.self, StatusCommand.self, TopCommand.self, JobsCommand.self,
                    ShowCommand.self,
                    WhyCommand.self, CancelCommand.self, RedriveCommand.self, PauseCommand.self, ResumeCommand.self,
                    PruneCommand.self, UsageCommand.self, DoctorCommand.self, ChaosCommand.self,
                ]),
            CommandGroup(
                name: "Text",
                subcommands: [TokenizeCommand.self, DetokenizeCommand.self, TemplateCommand.self]),
        ])

    /// Names of the commands are checked first: the parser takes a mistyped one for an argument.
    static func main() async {
        // A gateway that is stopped while it starts has nothing to end.
        if CommandLine.arguments.dropFirst().first == "serve" { Host.leaveAtOnceWhenStopped(isInterruption: false) }
        if let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-") {
            let names = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
            if !names.contains(word) {
                let near = HumanText.nearest(to: word, among: names, editsMax: 2)
                let hint = near.map { ": did you mean “\($0)”?" } ?? ""
                Host.printError("moed: there is no command “\(word)”\(hint)\nThe commands are in: moed --help")
                exit(withError: ExitCode(64))
            }
        }
        await main(nil)
    }
}
