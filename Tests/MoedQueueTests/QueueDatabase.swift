import MoedPostgres
import MoedQueue
import TestSupport

/// Databases with the schema applied, copied from one that was migrated once.
enum QueueDatabase {
    private static let template = Task {
        let database = try await TestDatabase.create()
        let migrator = try await Migrator.connect(conninfo: database.conninfo)
        _ = try await migrator.apply()
        await migrator.close()
        await database.close()
        // A closed connection's backend takes a moment to end, and CREATE DATABASE wants the template unused.
        let watcher = try await TestDatabase.create()
        while try await watcher.value("SELECT count(*) AS value FROM pg_stat_activity WHERE datname = \(database.name)") != 0 {
            try await Task.sleep(for: .milliseconds(10))
        }
        await watcher.close()
        return database.name
    }

    static func create() async throws -> TestDatabase {
        try await TestDatabase.create(template: try await template.value)
    }
}
