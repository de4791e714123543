import MoedHost
import MoedSystemd

extension SettingSources {
    /// Reads all sources in order: file, environment, flags. An unreadable file is reported among the problems.
    package static func gather(
        file: String?, environment: [String: String], flags: [(path: String, text: String)]
    ) -> SettingSources {
        var sources = SettingSources()
        sources.file = file
        if let file {
            do {
                let (bytes, isReadableByOthers) = try WholeFile.readRegular(file, bytesMax: 1 << 20)
                sources.addFile(named: file, text: String(decoding: bytes, as: UTF8.self))
                if isReadableByOthers, PasswordCredential.isInside(sources.text(.databaseURL)) {
                    sources.warnings.append(
                        "\(file): database.url holds a password, and every user may read the file: chmod o-r, or use a "
                            + "password file")
                }
            } catch {
                sources.reportUnreadable("\(error)")
            }
        }
        sources.addEnvironment(environment)
        sources.addFlags(flags)
        sources.credentialsDirectory = environment["CREDENTIALS_DIRECTORY"].flatMap { $0.isEmpty ? nil : $0 }
        do { sources.credential = try PasswordCredential(environment) } catch {
            sources.reportUnreadable("\(error)")
        }
        return sources
    }

    package func text(_ key: SettingKey) -> String { values[key.path]?.text ?? key.fallback }

    /// Connection string of the database, with the password that the service manager hands over.
    package var conninfo: String {
        let text = text(.databaseURL)
        return credential?.added(to: text) ?? text
    }

    /// Paths of the keys whose text differs, in the order of the table.
    package func changedKeys(since old: SettingSources) -> [String] {
        let lists = [self, old].map { $0.endpoints.map { $0.values.mapValues(\.text) } }
        return SettingKey.all.filter { text($0) != old.text($0) }.map(\.path)
            + (lists[0] == lists[1] ? [] : [EndpointKey.section])
            + (adapters.map(\.pair) == old.adapters.map(\.pair) ? [] : [AdapterText.section])
    }
}

/// The configuration keys as text, for `--help`.
package enum SettingTable {
    package static var text: String {
        SettingKey.all.map { key in
            let fallback = key.fallback.isEmpty ? "" : " = \(key.fallback)"
            let explanation = HumanText.wrapped("\(key.explanation) [\(key.environmentName)]", width: 72)
            return "  \(key.path)\(fallback)\n" + explanation.map { "      \($0)" }.joined(separator: "\n")
        }.joined(separator: "\n")
    }
}
