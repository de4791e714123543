import MoedHost

extension SettingSources {
    /// Reads all sources in order: file, environment, flags. An unreadable file is reported among the problems.
    package static func gather(
        file: String?, environment: [String: String], flags: [(path: String, text: String)]
    ) -> SettingSources {
        var sources = SettingSources()
        if let file {
            do {
                let bytes = try WholeFile.read(file, bytesMax: 1 << 20)
                sources.addFile(named: file, text: String(decoding: bytes, as: UTF8.self))
            } catch {
                sources.reportUnreadable("\(error)")
            }
        }
        sources.addEnvironment(environment)
        sources.addFlags(flags)
        return sources
    }
}

/// The configuration keys as text, for `--help`.
package enum SettingTable {
    package static var text: String {
        SettingKey.all.map { key in
            let fallback = key.fallback.isEmpty ? "" : " = \(key.fallback)"
            let explanation = SettingDocument.wrapped("\(key.explanation) [\(key.environmentName)]", width: 72)
            return "  \(key.path)\(fallback)\n" + explanation.map { "      \($0)" }.joined(separator: "\n")
        }.joined(separator: "\n")
    }
}
