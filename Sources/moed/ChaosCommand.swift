import ArgumentParser
import MoedDaemon
import MoedTools

struct ChaosCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Break the queue on purpose, on your own PostgreSQL, and see whether anything is lost.",
        discussion: """
            Workers without a model die, fall asleep, lose connections, race, and are cancelled; after each scenario
            every job must have ended once, with one entry in the token account. The names are those of the acceptance
            tests.

            Each scenario has a database of its own on that server (moed_rehearsal_…, the role needs CREATEDB), dropped
            afterwards, also after Ctrl-C; nothing else there is touched, only its time is used.

            Exit code 0: everything held. 1: something did not, with the reason and the seed to repeat it.

              moed chaos --database "host=/run/postgresql" --part 0.1
              moed chaos --database "host=/run/postgresql" --test T3 --test T6
            """)

    @Option(help: "Connection string or URI of the server.")
    var database = ""

    @Option(name: .customLong("test"), help: "Only this scenario; may be repeated.")
    var tests: [String] = []

    @Option(help: "Part of each scenario's full size.")
    var part = 1.0

    @Option(help: "Seed of the random choices.")
    var seed = UInt64.random(in: 0..<1_000_000)

    func validate() throws {
        guard part > 0, part <= 10 else { throw ValidationError("--part must be above 0 and at most 10") }
    }

    func run() async throws {
        try await CommandExit.translate {
            guard try await Chaos.run(database: database, tests: tests, part: part, seed: seed) else {
                throw ExitCode.failure
            }
        }
    }
}
