import CMoedSQL

/// One step of the schema: a file of `sql/`, embedded in the program.
package struct Migration: Sendable, Equatable {
    package var version: Int
    /// File name without its ending.
    package var name: String
    package var sql: String
    /// Oldest last migration of a program that works with the schema after this one; nil: only programs that have this
    /// one. Set it when a migration only adds: then daemons can be replaced one by one.
    package var worksSince: Int?

    package init(version: Int, name: String, sql: String, worksSince: Int? = nil) {
        self.version = version
        self.name = name
        self.sql = sql
        self.worksSince = worksSince
    }

    /// All migrations of this program in order. A released file is never changed: a new one follows.
    package static let all: [Migration] = [
        Migration(version: 1, file: "m0001_tables"),
        Migration(version: 2, file: "m0002_enqueue"),
        Migration(version: 3, file: "m0003_views"),
        Migration(version: 4, file: "m0004_control"),
        Migration(version: 5, file: "m0005_checkpoint"),
        Migration(version: 6, file: "m0006_operations"),
        Migration(version: 7, file: "m0007_batches"),
        Migration(version: 8, file: "m0008_tenants"),
        Migration(version: 9, file: "m0009_deadlines"),
        Migration(version: 10, file: "m0010_throughput"),
        Migration(version: 11, file: "m0011_compatibility"),
        Migration(version: 12, file: "m0012_attempts", worksSince: 11),
        Migration(version: 13, file: "m0013_readable", worksSince: 11),
        Migration(version: 14, file: "m0014_locks", worksSince: 11),
        Migration(version: 15, file: "m0015_clients", worksSince: 11),
        Migration(version: 16, file: "m0016_requests", worksSince: 11),
        Migration(version: 17, file: "m0017_accounts", worksSince: 11),
        Migration(version: 18, file: "m0018_names", worksSince: 11),
        Migration(version: 19, file: "m0019_modes", worksSince: 11),
        Migration(version: 20, file: "m0020_lines", worksSince: 11),
        Migration(version: 21, file: "m0021_endpoints", worksSince: 11),
        Migration(version: 22, file: "m0022_providers", worksSince: 11),
        Migration(version: 23, file: "m0023_one_line", worksSince: 11),
        Migration(version: 24, file: "m0024_gateway", worksSince: 11),
        Migration(version: 25, file: "m0025_money", worksSince: 11),
        Migration(version: 26, file: "m0026_batch_counts", worksSince: 11),
        Migration(version: 27, file: "m0027_key_limits", worksSince: 11),
        Migration(version: 28, file: "m0028_policies", worksSince: 11),
        Migration(version: 29, file: "m0029_embeddings", worksSince: 11),
        Migration(version: 30, file: "m0030_moderation", worksSince: 11),
        Migration(version: 31, file: "m0031_rerank", worksSince: 11),
        Migration(version: 32, file: "m0032_minutes", worksSince: 11),
        Migration(version: 33, file: "m0033_operate", worksSince: 11),
    ]

    /// Roles, grants and row security. The script runs after the migrations where roles are wanted. It may run again at
    /// any time and is not recorded in `moed.migration`.
    package static let roles = Migration(version: 0, file: "roles")

    /// - Parameter file: name of a file of `sql/` without its ending.
    private init(version: Int, file: String, worksSince: Int? = nil) {
        guard let text = unsafe moed_sql_find(file) else { preconditionFailure("sql/\(file).sql is not in CMoedSQL") }
        self.init(version: version, name: file, sql: unsafe String(cString: text), worksSince: worksSince)
    }
}
