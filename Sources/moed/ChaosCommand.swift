import ArgumentParser
import MoedDaemon
import MoedRehearsal
import MoedTools

struct ChaosCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Test the queue on your own PostgreSQL by injecting faults.",
        discussion: """
            Workers without a model die, sleep past their lease, lose connections, race each other and are cancelled. \
            After each scenario every job must have ended once, with one entry in the token account. Scenarios have \
            the names of the acceptance tests.

            Each scenario creates a database (moed_rehearsal_…) and drops it afterwards, also after Ctrl-C. The role \
            needs CREATEDB. Other databases are not touched.

            Exit code 0: all checks held. Exit code 1: a check failed; the output names it and the seed that repeats \
            it.

            Examples:
              moed chaos --database "host=/run/postgresql" --part 0.1
              moed chaos --database "host=/run/postgresql" --test T3 --test T6
            """)

    @Option(help: "Connection string or URI of the server.")
    var database = ""

    @Option(name: .customLong("test"), help: "Run only this scenario. Repeatable.")
    var tests: [String] = []

    @Option(help: "Size of each scenario as a part of its full size: 0.1 is a tenth.")
    var part = 1.0

    @Option(help: "Seed of the random choices; the output of a failed run names it.")
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
