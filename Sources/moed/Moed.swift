import ArgumentParser
import MoedCore
import MoedDaemon

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
                    RunCommand.self, MigrateCommand.self, CheckCommand.self, SettingsCommand.self,
                ]),
            CommandGroup(
                name: "Model",
                subcommands: [
                    InspectCommand.self, PackCommand.self, GenerateCommand.self, ScoreCommand.self,
                    BenchCommand.self, PlanCommand.self, ReplayCommand.self,
                ]),
            CommandGroup(name: "Queue", subcommands: [ChaosCommand.self]),
            CommandGroup(
                name: "Text",
                subcommands: [TokenizeCommand.self, DetokenizeCommand.self, TemplateCommand.self]),
        ])
}
