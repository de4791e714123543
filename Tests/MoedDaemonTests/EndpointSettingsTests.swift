import MoedCore
import MoedDaemon
import MoedEndpoints
import MoedRemote
import MoedRemoteHTTP
import MoedSettings
import Testing

/// The list `endpoints`: what is read, and what is refused with file, line and reason.
struct EndpointSettingsTests {
    private func read(_ endpoints: String, credentials: String? = nil) -> Result<Settings, ConfigurationProblems> {
        var sources = SettingSources()
        sources.addFile(named: "moed.yaml", text: "model: {path: /models/qwen3}\n\(endpoints)")
        sources.credentialsDirectory = credentials
        return Settings.read(sources)
    }

    private func problems(_ endpoints: String) -> [String] {
        if case .failure(let problems) = read(endpoints) { problems.problems.map(\.description) } else { [] }
    }

    @Test func aListIsReadInOrder() throws {
        let settings = try read(
            """
            endpoints:
              - name: gpu
                url: http://10.0.0.5:8000/v1/
              - name: cloud
                url: https://example.org/v1
                model: Qwen/Qwen3-30B-A3B
                credential: key
                ca_file: /etc/ca.pem
                max_in_flight: 64
            """, credentials: "/run/credentials/moed"
        ).get()
        #expect(settings.runsLocally)
        #expect(settings.endpoints.map(\.endpoint) == [
            Endpoint(name: "gpu", api: .tokens, model: "qwen3"),
            Endpoint(name: "cloud", api: .tokens, model: "Qwen/Qwen3-30B-A3B", maxInFlight: 64),
        ])
        let addresses = settings.endpoints.map(\.address)
        #expect(addresses.map(\.url) == ["http://10.0.0.5:8000/v1", "https://example.org/v1"])
        #expect(addresses.map(\.credentialFile) == [nil, "/run/credentials/moed/key"])
        #expect(addresses[1].authorityFile == "/etc/ca.pem")
    }

    @Test func chatsHavePathsForThinking() throws {
        let list = "endpoints: [{name: a, url: 'http://a/v1', api: chat"
        let plain = try read(list + "}]").get().endpoints[0].endpoint
        #expect(plain.api == .chat && plain.thinkingSwitch == ["chat_template_kwargs", "enable_thinking"])
        #expect(plain.thinkingBudget == nil)
        let full = try read(list + ", thinking_switch: none, thinking_budget: reasoning.max_tokens}]").get().endpoints[0].endpoint
        #expect(full.thinkingSwitch == nil && full.thinkingBudget == ["reasoning", "max_tokens"])
        #expect(problems(list + ", thinking_budget: a..b}]")[0].contains("must be names with points between them"))
        #expect(problems("endpoints: [{name: a, url: 'http://a/v1', api: text}]")[0].contains("must be tokens or chat"))
    }

    @Test func trustNamesTenants() throws {
        let list = "endpoints: [{name: a, url: 'http://a/v1'"
        #expect(try read(list + "}]").get().endpoints[0].endpoint.trust == .house)
        #expect(try read(list + ", trust: outside}]").get().endpoints[0].endpoint.trust == .outside)
        #expect(try read(list + ", trust: 'acme, beta'}]").get().endpoints[0].endpoint.trust == .tenants(["acme", "beta"]))
        #expect(problems(list + ", trust: 'acme,,'}]")[0].contains("must be house, outside, or names of tenants"))
        #expect(try read("routing: {policy: cheapest}").get().routing == .cheapest)
        #expect(problems("routing: {policy: random}")[0].contains("routing.policy"))
    }

    @Test func pricesAreDecimalTexts() throws {
        let list = "endpoints: [{name: a, url: 'http://a/v1', price_prompt: 0.10, price_completion: 1"
        let full = try read(list + ", price_cached: 0.025}]").get().endpoints[0].endpoint.prices
        #expect(full == TokenPrices(prompt: "0.10", cached: "0.025", completion: "1"))
        let short = try read(list + "}]").get().endpoints[0].endpoint.prices
        #expect(short == TokenPrices(prompt: "0.10", cached: "0.10", completion: "1"))
        #expect(problems("endpoints: [{name: a, url: 'http://a/v1', price_prompt: 1}]")[0].contains("price_completion is missing"))
        for bad in ["-1", "1e-3", "1.", "NaN", "1234567890"] {
            #expect(problems("endpoints: [{name: a, url: 'http://a/v1', price_prompt: \(bad), price_completion: 1}]")[0].contains("must be a decimal number"))
        }
    }

    @Test func noListIsNoEndpoint() throws {
        #expect(try read("").get().endpoints.isEmpty)
        #expect(try read("endpoints:").get().endpoints.isEmpty)
        #expect(try read("endpoints: []").get().endpoints.isEmpty)
        #expect(problems("engine: {local: false}").count == 1)
        #expect(problems("engine: {local: false}")[0].contains("engine.local is false, and endpoints lists no engine"))
    }

    @Test(arguments: [
        ("endpoints: 5", "endpoints must be a list"),
        ("endpoints: {name: a}", "endpoints must be a list"),
        ("endpoints: [5]", "an entry of endpoints must hold keys"),
        ("endpoints: [{url: 'http://a/v1'}]", "name must be a word"),
        ("endpoints: [{name: 'a b', url: 'http://a/v1'}]", "name must be a word"),
        ("endpoints: [{name: a}]", "url must be like"),
        ("endpoints: [{name: a, url: 'ftp://a/v1'}]", "url must be like"),
        ("endpoints: [{name: a, url: 'http:///v1'}]", "url must be like"),
        ("endpoints: [{name: a, url: 'http://user:secret@a/v1'}]", "url must hold neither a key nor a query"),
        ("endpoints: [{name: a, url: 'http://a/v1?key=secret'}]", "url must hold neither a key nor a query"),
        ("endpoints: [{name: a, url: 'http://a/v1', api: soap}]", "api must be tokens or chat"),
        ("endpoints: [{name: a, url: 'http://a/v1', max_in_flight: 0}]", "max_in_flight must be auto or a whole number"),
        ("endpoints: [{name: a, url: 'http://a/v1', max_in_flight: many}]", "max_in_flight must be auto or a whole number"),
        ("endpoints: [{name: a, url: 'http://a/v1', credential: x/y}]", "credential must be an absolute path or the name"),
        ("endpoints: [{name: a, url: 'http://a/v1', credential: key}]", "the service manager hands over none"),
        ("endpoints: [{name: a, url: 'http://a/v1', ulr: x}]", "unknown key ulr of an endpoint (did you mean url?)"),
        ("endpoints: [{name: a, url: [x]}]", "url of an endpoint must be a single value"),
        ("endpoints: [{name: a, url: 'http://a/v1'}, {name: a, url: 'http://b/v1'}]", "is the name of two endpoints"),
    ])
    func aBadEntryIsNamed(_ yaml: String, _ reason: String) {
        let found = problems(yaml)
        #expect(found.contains { $0.hasPrefix("moed.yaml:2: ") && $0.contains(reason) }, "\(found)")
        #expect(!found.contains { $0.contains("secret") })
    }

    @Test func aChangedListNeedsARestart() {
        var (old, new) = (SettingSources(), SettingSources())
        old.addFile(named: "moed.yaml", text: "endpoints: [{name: a, url: 'http://a/v1'}]")
        new.addFile(named: "moed.yaml", text: "endpoints: [{name: a, url: 'http://b/v1'}]")
        #expect(new.changedKeys(since: old) == ["endpoints"])
        #expect(new.changedKeys(since: new).isEmpty)
    }
}
