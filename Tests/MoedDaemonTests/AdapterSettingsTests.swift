import MoedCore
import MoedDaemon
import MoedLocal
import MoedSettings
import Testing

/// The section `adapters`: what is read, and what is refused with file, line and reason.
struct AdapterSettingsTests {
    private func sources(_ text: String) -> SettingSources {
        var sources = SettingSources()
        sources.addFile(named: "moed.yaml", text: "model: {path: /models/qwen3}\n\(text)")
        return sources
    }

    private func problems(_ text: String) -> [String] {
        if case .failure(let problems) = Settings.read(sources(text)) { problems.problems.map(\.description) } else { [] }
    }

    @Test func adaptersAreNamesOfTheirOwn() throws {
        let settings = try Settings.read(sources("adapters:\n  support-v3: /adapters/one\n  b: /adapters/two\n")).get()
        #expect(settings.model.adapters == [
            AdapterOption(name: "support-v3", path: "/adapters/one"), AdapterOption(name: "b", path: "/adapters/two"),
        ])
        #expect(settings.served.names == ["qwen3", "default"])
        #expect(try Settings.read(sources("adapters:\n")).get().model.adapters.isEmpty)
    }

    @Test(
        arguments: [
            ("adapters: [/a]", "moed.yaml:2: adapters must be a section"), ("adapters: {a: [1]}", "a must be a directory"),
            ("adapters: {a: ''}", "a must be a directory"), ("adapters: {qwen3: /a}", "moed.yaml:2: adapters: “qwen3” is the model's own name"),
            ("adapters: {default: /a}", "own name"), ("adapters: {? [a] : /b}", "a name of adapters"),
            ("adapters: {a: /a, a: /b}", "given twice"),
            ("adapters: {a: /a}\nengine: {local: false}\nendpoints: [{name: g, url: 'http://g/v1'}]", "adapters run on the local engine"),
        ])
    func refusals(_ text: String, _ expected: String) {
        let found = problems(text)
        #expect(found.count == 1 && found[0].contains(expected), "\(found)")
    }

    @Test func adaptersBesideEndpoints() {
        #expect(problems("adapters: {a: /a}\nendpoints: [{name: g, url: 'http://g/v1'}]") == [])
    }

    @Test func otherAdaptersAreAChange() {
        let old = sources("adapters: {a: /a}")
        #expect(sources("adapters: {a: /b}").changedKeys(since: old) == ["adapters"])
        #expect(sources("\n\nadapters: {a: /a}").changedKeys(since: old) == [])
    }

    @Test func commandLineNames() {
        #expect(AdapterOption("/x/support") == AdapterOption(name: "support", path: "/x/support"))
        #expect(AdapterOption("v=/x/support") == AdapterOption(name: "v", path: "/x/support"))
        #expect(AdapterOption("/x/a=b") == AdapterOption(name: "a=b", path: "/x/a=b"))
    }
}
