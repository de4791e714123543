import Foundation
import MoedDaemon
import MoedSettings
import TestSupport
import Testing

/// The files that are made from the table of settings.
struct SettingDocumentTests {
    @Test(arguments: [("docs/configuration.md", "--markdown"), ("systemd/moed.yaml.example", "--yaml")])
    func filesAreWhatTheCommandPrints(_ path: String, _ flag: String) throws {
        let text = flag == "--yaml" ? SettingDocument.yaml : SettingDocument.markdown
        let file = try String(contentsOf: Fixtures.packageRoot.appending(path: path), encoding: .utf8)
        #expect(file == text, "run: moed settings \(flag) >\(path)")
    }

    private func read(_ yaml: String) throws -> Settings {
        var sources = SettingSources()
        sources.addFile(named: "moed.yaml", text: yaml)
        return try Settings.read(sources).get()
    }

    @Test func theExampleHasTheDefaults() throws {
        let example = try read(SettingDocument.yaml)
        var defaults = try read("model: {path: /var/lib/moed/model}")
        defaults.database.url = example.database.url
        #expect(example == defaults)
    }

    @Test func everyKeyIsInEveryText() {
        for key in SettingKey.all {
            #expect(SettingDocument.markdown.contains("| `\(key.path)` |"))
            #expect(SettingTable.text.contains("  \(key.path)"))
            #expect(SettingTable.text.contains("[\(key.environmentName)]"))
        }
        let lines = SettingDocument.yaml.split(separator: "\n").filter { $0.hasPrefix("  ") && !$0.hasPrefix("  # ") }
        #expect(lines.count == SettingKey.all.count)
    }

    @Test(arguments: SettingKey.all.map(\.explanation))
    func explanationsAreShortSentences(_ explanation: String) {
        #expect(explanation.hasSuffix("."))
        for sentence in explanation.split(separator: ". ") {
            #expect(sentence.split(separator: " ").count <= 25, "\(sentence)")
        }
    }
}
