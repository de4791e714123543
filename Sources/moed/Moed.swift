import ArgumentParser
import MoedCore
import MoedDaemon

@main
struct Moed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "moed",
        abstract: "Offline bulk generation with Qwen3 models, from SQL.",
        discussion: """
            Applications put generation jobs into PostgreSQL; `moed run` takes them in batches through a model on \
            the CPU and writes answers and exact token counts back. First steps:

              moed migrate --config moed.yaml    create or update the schema
              moed check   --config moed.yaml    is everything in place?
              psql -c "SELECT moed.enqueue(prompt => 'What is 27 + 58?')"
              moed run     --config moed.yaml    run jobs (--drain: until none is left)
              psql -c "SELECT id, state, content FROM moed.jobs"

            The filters (tokenize, detokenize, template, score, generate) read JSON lines and write JSON lines, \
            without a database.
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Daemon", subcommands: [RunCommand.self, MigrateCommand.self, CheckCommand.self]),
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
