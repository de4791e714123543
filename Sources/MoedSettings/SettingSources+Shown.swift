/// Values for eyes other than the administrator's.
extension SettingSources {
    /// A value that was set.
    package struct Shown: Sendable, Equatable {
        package var key: String
        package var text: String
        package var origin: String
    }

    /// Connection strings, which may hold a password.
    private static let secrets: Set<String> = [
        SettingKey.databaseURL.path, SettingKey.gatewayDatabase.path, SettingKey.frontDatabase.path,
    ]

    /// Values that were set, in order, without connection strings. Endpoints and adapters are counted.
    package var shownValues: [Shown] {
        var shown = values.sorted { $0.key < $1.key }.map { key, value in
            Shown(key: key, text: Self.secrets.contains(key) ? "(not shown)" : value.text, origin: value.origin)
        }
        for (key, count) in [("endpoints", endpoints.count), ("adapters", adapters.count)] where count > 0 {
            shown.append(Shown(key: key, text: "\(count)", origin: file ?? ""))
        }
        return shown
    }
}
