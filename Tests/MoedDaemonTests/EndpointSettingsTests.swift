import MoedCore
import MoedDaemon
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
        ("endpoints: [{name: a, url: 'http://a/v1', api: soap}]", "api must be tokens"),
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
