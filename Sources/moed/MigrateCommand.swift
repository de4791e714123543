import ArgumentParser
import MoedDaemon
import MoedTools

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Create or update the schema `moed` in the database.",
        discussion: """
            Safe to repeat, and safe to run from several hosts at once: it applies only the missing migrations, in \
            one transaction.

            --roles also creates the roles moed_owner, moed_worker, moed_client, moed_operator and moed_reader. It \
            hands the schema to moed_owner, revokes all other rights and turns on row security. A member of \
            moed_client then sees and changes only the jobs of the tenant whose db_role it is. The daemon's role \
            must be a member of moed_worker:

              GRANT moed_worker TO moed;
              GRANT moed_client TO app;
              INSERT INTO moed.tenant (name, db_role) VALUES ('app', 'app');

            --roles needs a superuser, or CREATEROLE and CREATE on the database. Later migrations keep the rights up \
            to date without --roles.

            Examples:
              moed migrate --database "dbname=work" --dry-run
              moed migrate --database "dbname=work" --roles
              moed migrate --config /etc/moed/moed.yaml
            """)

    @OptionGroup var settings: SettingOptions

    @Flag(help: "Also create the roles and turn on row security.")
    var roles = false

    @Flag(help: "Print the SQL of the missing migrations and change nothing.")
    var dryRun = false

    func run() async throws {
        try await CommandExit.translate {
            try await Administration.migrate(try self.settings.sources(), roles: roles, dryRun: dryRun)
        }
    }
}

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the configuration, the database and the model.",
        discussion: """
            Reads the configuration as `moed run` does and connects to the database. It checks schema and rights, and \
            plans the memory and finds all tensors, without reading the weights. Notes name \
            defaults taken, unused tensors and a missing end token. Exit code 0: `moed run` \
            would start. Exit code 78: standard error has one line for each problem. Lines that begin with “warning” \
            are remarks.

            --unit checks with a unit's own user, view of the disk, variables and credentials, and with the options of \
            its ExecStart= line. It needs root and a running systemd.

            Examples:
              moed check --config /etc/moed/moed.yaml
              moed check --unit moed
              moed check --database "dbname=work" --model /models/qwen3
            """)

    @OptionGroup var settings: SettingOptions

    @Option(help: "Check as this systemd unit sees everything, for example moed.")
    var unit: String?

    func run() async throws {
        try await CommandExit.translate {
            guard let unit else { return try await Administration.check(try self.settings.sources()) }
            let status = try UnitCheck.run(unit, options: settings.words)
            guard status == 0 else { throw ExitCode(status) }
        }
    }
}
