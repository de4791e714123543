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
        Migration(version: 1, name: "m0001_tables", PackageResources.m0001_tables_sql),
        Migration(version: 2, name: "m0002_enqueue", PackageResources.m0002_enqueue_sql),
        Migration(version: 3, name: "m0003_views", PackageResources.m0003_views_sql),
        Migration(version: 4, name: "m0004_control", PackageResources.m0004_control_sql),
        Migration(version: 5, name: "m0005_checkpoint", PackageResources.m0005_checkpoint_sql),
        Migration(version: 6, name: "m0006_operations", PackageResources.m0006_operations_sql),
        Migration(version: 7, name: "m0007_batches", PackageResources.m0007_batches_sql),
        Migration(version: 8, name: "m0008_tenants", PackageResources.m0008_tenants_sql),
        Migration(version: 9, name: "m0009_deadlines", PackageResources.m0009_deadlines_sql),
        Migration(version: 10, name: "m0010_throughput", PackageResources.m0010_throughput_sql),
        Migration(version: 11, name: "m0011_compatibility", PackageResources.m0011_compatibility_sql),
        Migration(version: 12, name: "m0012_attempts", PackageResources.m0012_attempts_sql, worksSince: 11),
        Migration(version: 13, name: "m0013_readable", PackageResources.m0013_readable_sql, worksSince: 11),
        Migration(version: 14, name: "m0014_locks", PackageResources.m0014_locks_sql, worksSince: 11),
        Migration(version: 15, name: "m0015_clients", PackageResources.m0015_clients_sql, worksSince: 11),
        Migration(version: 16, name: "m0016_requests", PackageResources.m0016_requests_sql, worksSince: 11),
        Migration(version: 17, name: "m0017_accounts", PackageResources.m0017_accounts_sql, worksSince: 11),
        Migration(version: 18, name: "m0018_names", PackageResources.m0018_names_sql, worksSince: 11),
        Migration(version: 19, name: "m0019_modes", PackageResources.m0019_modes_sql, worksSince: 11),
        Migration(version: 20, name: "m0020_lines", PackageResources.m0020_lines_sql, worksSince: 11),
        Migration(version: 21, name: "m0021_endpoints", PackageResources.m0021_endpoints_sql, worksSince: 11),
        Migration(version: 22, name: "m0022_providers", PackageResources.m0022_providers_sql, worksSince: 11),
        Migration(version: 23, name: "m0023_one_line", PackageResources.m0023_one_line_sql, worksSince: 11),
        Migration(version: 24, name: "m0024_gateway", PackageResources.m0024_gateway_sql, worksSince: 11),
        Migration(version: 25, name: "m0025_money", PackageResources.m0025_money_sql, worksSince: 11),
        Migration(version: 26, name: "m0026_batch_counts", PackageResources.m0026_batch_counts_sql, worksSince: 11),
        Migration(version: 27, name: "m0027_key_limits", PackageResources.m0027_key_limits_sql, worksSince: 11),
        Migration(version: 28, name: "m0028_policies", PackageResources.m0028_policies_sql, worksSince: 11),
        Migration(version: 29, name: "m0029_embeddings", PackageResources.m0029_embeddings_sql, worksSince: 11),
        Migration(version: 30, name: "m0030_moderation", PackageResources.m0030_moderation_sql, worksSince: 11),
        Migration(version: 31, name: "m0031_rerank", PackageResources.m0031_rerank_sql, worksSince: 11),
        Migration(version: 32, name: "m0032_minutes", PackageResources.m0032_minutes_sql, worksSince: 11),
        Migration(version: 33, name: "m0033_operate", PackageResources.m0033_operate_sql, worksSince: 11),
    ]

    /// Roles, grants and row security. The script runs after the migrations where roles are wanted. It may run again at
    /// any time and is not recorded in `moed.migration`.
    package static let roles = Migration(version: 0, name: "roles", PackageResources.roles_sql)

    private init(version: Int, name: String, _ bytes: [UInt8], worksSince: Int? = nil) {
        self.init(
            version: version, name: name, sql: String(decoding: bytes, as: UTF8.self), worksSince: worksSince)
    }
}
