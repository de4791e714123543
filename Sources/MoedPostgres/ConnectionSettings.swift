/// Connection string and timeouts of a database connection.
package struct ConnectionSettings: Sendable {
    /// Connection string of libpq: `key=value` pairs or a URI. Missing values come from libpq's usual sources
    /// (`PGHOST`, `PGPASSFILE`, the service file, ...).
    package var conninfo: String
    /// Name shown in `pg_stat_activity` unless the connection string sets another.
    package var applicationName: String
    /// Time limit for connecting to one host; `connect_timeout` in the connection string wins.
    package var connectTimeout: Duration = .seconds(10)
    /// Maximum duration of a statement; the server ends a longer one.
    package var statementTimeout: Duration = .seconds(30)
    /// Maximum time that a statement waits for a lock; the server ends it after that.
    package var lockTimeout: Duration = .seconds(10)
    /// Time that the client waits beyond the server's timeout before it declares the connection lost. It is reached
    /// only when the server or the network is silent.
    package var silenceTimeout: Duration = .seconds(5)

    package init(conninfo: String, applicationName: String) {
        self.conninfo = conninfo
        self.applicationName = applicationName
    }

    /// Keywords set unless the connection string sets them, in libpq's spelling.
    ///
    /// Dead peers are detected within 5 + 3 · 3 s of silence, or after 15 s of data without acknowledgement.
    var defaults: [(String, String)] {
        [
            ("connect_timeout", String(max(2, connectTimeout.components.seconds))),
            ("keepalives", "1"), ("keepalives_idle", "5"), ("keepalives_interval", "3"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "15000"),
        ]
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, so that a short wait does not become zero.
    package var milliseconds: Int64 {
        components.seconds * 1000 + (components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
