import ArgumentParser
import MoedDaemon

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Create or update the schema `moed` in the database.",
        discussion: """
            Safe to run at any time and from several places at once: it does only what is missing.

            With --roles it also creates the roles moed_owner, moed_worker, moed_client, moed_operator and moed_reader,
            hands the schema to moed_owner, takes all other rights away, and turns on row security: a member of
            moed_client sees and changes only the jobs of the tenant whose db_role it is. The daemon's role must be a
            member of moed_worker from then on:

              GRANT moed_worker TO moed;
              GRANT moed_client TO app;
              INSERT INTO moed.tenant (name, db_role) VALUES ('app', 'app');

            Needs a superuser, or CREATEROLE and CREATE on the database. Later migrations keep the roles up to date.
            """)

    @OptionGroup var settings: SettingOptions

    @Flag(help: "Also create roles and turn on row security.")
    var roles = false

    @Flag(help: "Print the SQL that would be run, and change nothing.")
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
        abstract: "Check configuration, database, schema and model.",
        discussion: "Exit code 0 when `moed run` would start, otherwise 78 with one line for each problem.")

    @OptionGroup var settings: SettingOptions

    func run() async throws {
        try await CommandExit.translate {
            try await Administration.check(try self.settings.sources())
        }
    }
}
