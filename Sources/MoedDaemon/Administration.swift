import MoedCore
import MoedEndpoints
import MoedFront
import MoedHost
import MoedLocal
import MoedModeration
import MoedQueue
package import MoedSettings
import MoedSystemd
import MoedWorker

/// `moed migrate` and `moed check`.
package enum Administration {
    /// Applies pending migrations, with `roles` also roles and rights. With `dryRun` it rolls back and prints them.
    package static func migrate(_ sources: SettingSources, roles: Bool, dryRun: Bool) async throws {
        Host.ignoreBrokenPipes()
        // Migrating needs only the database: a missing model is no problem here.
        guard sources.problems.isEmpty else { throw ConfigurationProblems(sources.problems) }
        do {
            let migrator = try await Migrator.connect(conninfo: sources.conninfo)
            // A dry run applies the migrations and rolls back, so that it also shows errors.
            let migrations = try await migrator.apply(roles: roles, dryRun: dryRun)
            for migration in migrations {
                print(dryRun ? "-- \(migration.name)\n\(migration.sql)" : "applied \(migration.name)")
            }
            if migrations.isEmpty { print("the schema is up to date") }
            await migrator.close()
        } catch let error where error.isRetryable {
            // An unreachable server is no problem of the configuration: exit code 1.
            throw error
        } catch {
            throw StartupCheck.problem(error)
        }
    }

    /// Checks everything that `moed run` needs, and reports one line for each problem.
    ///
    /// - Throws: `ConfigurationProblems` with all problems.
    package static func check(_ sources: SettingSources) async throws {
        let settings = try Settings.read(sources).get()
        var problems: [ConfigurationProblem] = []
        var warnings = sources.warnings + settings.modelWarnings + hidden(settings)
        if sources.file == nil {
            print("config     no file was read (--config FILE); the unit reads /etc/moed/moed.yaml")
        }
        do {
            let found = try await StartupCheck.problems(settings.database.url)
            if found.isEmpty {
                print("database   ok")
                let moderation = ModerationDesk(settings.moderation)
                let policies = try await PolicyCheck.rules(in: settings.database.url, moderation.inquirer)
                await moderation.shutdown()
                if policies.count > 0, policies.remarks.isEmpty { print("policies   ok: \(policies.count)") }
                warnings += policies.remarks
            }
            problems += found
        } catch {
            problems.append(StartupCheck.problem(error))
        }
        do {
            if settings.runsLocally {
                let model = try ModelCheck.run(settings.model)
                print("model      ok: \(model.line)")
                for remark in model.remarks { print("model      note: \(remark)") }
            }
            for line in try await EndpointCheck.lines(settings.endpoints, directory: settings.model.directory) {
                print("endpoint   \(line.text)")
                if !line.isGood { warnings.append("endpoint \(line.name): jobs wait until it answers") }
            }
        } catch {
            problems.append(StartupCheck.problem(model: error))
        }
        if let address = settings.statusAddress {
            do {
                try StatusServer.check(address)
                print("status     ok: \(address)")
            } catch {
                // A directory that is missing may be one that systemd makes when the unit starts.
                let text = "status.listen: \(error)"
                if error.isRefusal || error.isInUse {
                    problems.append(.init(text))
                } else {
                    warnings.append(text)
                }
            }
        }
        for warning in warnings { print("warning    \(warning)") }
        guard problems.isEmpty else { throw ConfigurationProblems(problems) }
        print("everything is in place")
    }

    /// Remarks about files that the present user sees and the unit does not.
    private static func hidden(_ settings: Settings) -> [String] {
        // systemd sets the variable for a unit's processes, which look for themselves.
        guard Host.environment["INVOCATION_ID"] == nil else { return [] }
        guard let remark = UnitView.remark(on: settings.model.directory) else { return [] }
        return ["model.path: \(remark); `moed check --unit moed` looks as the service does"]
    }
}
