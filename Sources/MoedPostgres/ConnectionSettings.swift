/// How to reach the database, and how long to wait for it.
package struct ConnectionSettings: Sendable {
    /// Any connection string of libpq: `key=value` pairs or a URI. What it leaves out comes from libpq's usual places
    /// (`PGHOST`, `PGPASSFILE`, the service file, ...).
    package var conninfo: String
    /// Shown in `pg_stat_activity` unless the connection string names another.
    package var applicationName: String
    /// For one host of the connection string; `connect_timeout` there wins.
    package var connectTimeout: Duration = .seconds(10)
    /// The server ends a statement that takes longer.
    package var statementTimeout: Duration = .seconds(30)
    /// The server ends a statement that waits longer for a lock.
    package var lockTimeout: Duration = .seconds(10)
    /// How much longer than the server's own timeout the client waits before it gives the connection up:
    /// reached only when the server or the network has fallen silent.
    package var silenceTimeout: Duration = .seconds(5)

    package init(conninfo: String, applicationName: String) {
        self.conninfo = conninfo
        self.applicationName = applicationName
    }

    /// Keywords set unless the connection string sets them, in libpq's spelling.
    ///
    /// Dead peers are noticed within 5 + 3 · 3 s of silence, or after 15 s of data without acknowledgement.
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
    /// Whole milliseconds, rounded up, so that a short wait is not turned into none.
    package var milliseconds: Int64 {
        components.seconds * 1000 + (components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
