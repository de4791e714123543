import ArgumentParser
import MoedDaemon

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run jobs from the queue until stopped.",
        discussion: """
            SIGTERM or Ctrl-C: no new jobs are claimed, running ones may finish within shutdown.grace, the rest go \
            back to the queue without losing an attempt. A lost database connection is retried while the model \
            stays loaded. Exit code 78 means that the configuration must be mended; systemd does not restart then.

            Configuration keys (file < environment < flags), with their defaults:

            \(SettingTable.text)
            """)

    @OptionGroup var settings: SettingOptions

    @Flag(help: "Stop with exit code 0 when nothing is left that this worker may run.")
    var drain = false

    @Flag(inversion: .prefixedNo, help: "Progress on standard error (default: on with --drain).")
    var progress: Bool?

    @Option(help: "Record which experts sweeps use in FILE, for `moed replay`.")
    var traceRouting: String?

    func run() async throws {
        try await CommandExit.translate {
            let settings = try Settings.read(try self.settings.sources()).get()
            try await Daemon.run(
                settings, drains: drain, showsProgress: progress ?? drain,
                routingTrace: traceRouting)
        }
    }
}
