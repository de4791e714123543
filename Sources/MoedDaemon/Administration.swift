import MoedCore
import MoedEngine
import MoedHost
import MoedLocal
import MoedQueue
import MoedWeights

/// `moed migrate` and `moed check`.
package enum Administration {
    /// Applies pending migrations, with `roles` also roles and rights. With `dryRun` it rolls back and prints them.
    package static func migrate(_ sources: SettingSources, roles: Bool, dryRun: Bool) async throws {
        Host.ignoreBrokenPipes()
        // Migrating needs only the database: a missing model is no problem here.
        guard sources.problems.isEmpty else { throw ConfigurationProblems(sources.problems) }
        let url = sources.values[SettingKey.databaseURL.path]?.text ?? SettingKey.databaseURL.fallback
        do {
            let migrator = try await Migrator.connect(conninfo: url)
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
        let settings: Settings
        switch Settings.read(sources) {
        case .success(let read): settings = read
        case .failure(let problems): throw problems
        }
        var problems: [ConfigurationProblem] = []
        do {
            try await StartupCheck.verify(settings.database.url)
            print("database   ok")
        } catch {
            problems.append(StartupCheck.problem(error))
        }
        do {
            // As `run` does first: it needs the headers only.
            let model = try OpenedModel.open(settings.model)
            print("model      ok: \(InspectText(model.source).oneLine), \(model.text.kind.rawValue)")
            for remark in model.remarks { print("model      note: \(remark)") }
        } catch {
            problems.append(ConfigurationProblem("model.path: \(error)"))
        }
        guard problems.isEmpty else { throw ConfigurationProblems(problems) }
        print("everything is in place")
    }
}
