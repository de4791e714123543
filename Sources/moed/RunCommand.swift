import ArgumentParser
import MoedDaemon
import MoedSettings

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run jobs from the queue until stopped.",
        discussion: """
            After SIGTERM or Ctrl-C no job is claimed any more. Running jobs may finish within shutdown.grace. The \
            rest return to the queue without losing an attempt. While the database is away the model stays loaded. \
            SIGHUP reads log.level and some limits again; docs/configuration.md lists them. Exit code 78 means that \
            the configuration must be mended; systemd does not restart then.

            Examples:
              moed run --config /etc/moed/moed.yaml
              moed run --database "dbname=work" --model PACK --set memory.budget=20GiB --drain

            Configuration keys (file < environment < flags), with their defaults:

            \(SettingTable.text)
            """)

    @OptionGroup var settings: SettingOptions

    @Flag(
        help: """
            Stop when no job is left that this worker may run. The last line counts the jobs that are left, by reason. \
            Exit code: 0 when none is left for its models; 3 when some are (paused, over budget, scheduled, held by \
            other workers); 130 or 143 when Ctrl-C or SIGTERM ended it.
            """)
    var drain = false

    @Flag(inversion: .prefixedNo, help: "Show progress on standard error (default: on with --drain).")
    var progress: Bool?

    @Option(help: "Record which experts each sweep uses in this file, for `moed replay`.")
    var traceRouting: String?

    func run() async throws {
        try await CommandExit.translate {
            let code = try await Daemon.run(
                Reloading(try settings.reading()), drains: drain, showsProgress: progress ?? drain,
                routingTrace: traceRouting)
            if code != 0 { throw ExitCode(code) }
        }
    }
}
