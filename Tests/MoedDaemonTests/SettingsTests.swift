import MoedReading
import Glibc
import Logging
import MoedCore
import MoedDaemon
import MoedSettings
import MoedEngine
import MoedLocal
import MoedPreparation
import MoedWeights
import MoedWorker
import TestSupport
import Testing

@Suite struct SettingsTests {
    func read(
        yaml: String = "", environment: [String: String] = [:], flags: [(path: String, text: String)] = []
    ) -> Result<Settings, ConfigurationProblems> {
        var sources = SettingSources()
        sources.addFile(named: "moed.yaml", text: yaml)
        sources.addEnvironment(environment)
        sources.addFlags(flags)
        return Settings.read(sources)
    }

    func problems(_ result: Result<Settings, ConfigurationProblems>) -> [String] {
        if case .failure(let problems) = result { problems.problems.map(\.description) } else { [] }
    }

    @Test func defaultsAreComplete() throws {
        let settings = try read(yaml: "model: {path: /models/qwen3-tiny/}").get()
        #expect(settings.served.name == "qwen3-tiny")
        #expect(settings.queue.lease == .seconds(20))
        #expect(settings.worker(drains: false).beatInterval == .seconds(5))
        #expect(settings.model.maxTokensDefault == 4096)
        #expect(settings.model.preparation == PreparationOptions())
        #expect(settings.logLevel == .info)
        #expect(settings.served.servesDefault)
        #expect(settings.model.kvFormat == nil && settings.model.sharesPrefixes)
    }

    @Test(arguments: [("f32", "f32"), ("f16", "f16"), ("int8", "int8"), ("auto", nil)])
    func formatsOfKeysAndValues(_ word: String, _ expected: String?) throws {
        let yaml = "model: {path: /m}\nengine: {kv: \(word), prefix_cache: false}"
        let settings = try read(yaml: yaml).get()
        #expect(settings.model.kvFormat?.rawValue == expected && !settings.model.sharesPrefixes)
        #expect(problems(read(yaml: "model: {path: /m}\nengine: {kv: bf16}")).count == 1)
    }

    @Test func generation() throws {
        #expect(try read(yaml: "model: {path: /m}").get().model.preparation == PreparationOptions())
        let yaml = """
            model: {path: /m}
            generation: {answer_reserve: 0, reasoning: non_thinking, control_tokens: transformers, template_time: 500ms}
            """
        let options = try read(yaml: yaml).get().model.preparation
        #expect(options.answerReserve == 0 && options.mode == .nonThinking)
        #expect(options.controlTokens == .transformers && options.templateTime == .milliseconds(500))
        let wrong = "model: {path: /m}\ngeneration: {answer_reserve: -1, reasoning: auto, control_tokens: off, template_time: 0s}"
        #expect(problems(read(yaml: wrong)).count == 4)
    }

    @Test func memory() throws {
        let defaults = try read(yaml: "model: {path: /m}").get()
        #expect(defaults.model.budget == .percent(80) && defaults.model.verification == .first)
        let yaml = "model: {path: /m, verify: always}\nmemory: {budget: 20GiB}"
        let settings = try read(yaml: yaml).get()
        #expect(settings.model.budget == .bytes(20 << 30) && settings.model.verification == .always)
        let wrong = problems(read(yaml: "model: {path: /m, verify: maybe}\nmemory: {budget: much}"))
        #expect(wrong.count == 2 && wrong.contains { $0.contains("memory.budget") && $0.contains("“much”") })
    }

    @Test func laterSourcesWin() throws {
        let yaml = """
            model:
              path: /m
            queue:
              lease: 30s
              poll_interval: 500ms
              max_wait: 2m
            """
        let settings = try read(
            yaml: yaml, environment: ["MOED_QUEUE_LEASE": "40s", "MOED_QUEUE_MAX_WAIT": "3m", "HOME": "/"],
            flags: [("queue.lease", "50s")]
        ).get()
        #expect(settings.queue.lease == .seconds(50))
        #expect(settings.queue.maxWait == .seconds(180))
        #expect(settings.queue.pollInterval == .milliseconds(500))
    }

    @Test func cpuHasAShortName() throws {
        let settings = try read(yaml: "model: {path: /m}", environment: ["MOED_CPU": "scalar"]).get()
        #expect(settings.model.kernels == "scalar")
    }

    @Test func everyProblemIsNamedWithItsPlace() {
        let yaml = """
            model: {path: /m}
            queue:
              pol_interval: 1s
              lease: soon
            engine:
              slots: 4097
            log: {level: loud}
            """
        let found = problems(read(yaml: yaml, environment: ["MOED_QUEUE_LEESE": "1s"]))
        #expect(
            found.contains("moed.yaml:3: unknown key queue.pol_interval (did you mean queue.poll_interval?)"))
        #expect(found.contains { $0.hasPrefix("moed.yaml:4: queue.lease must be a time") })
        #expect(found.contains { $0.hasPrefix("moed.yaml:6: engine.slots must be a whole number in 0…4096") })
        #expect(found.contains { $0.contains("log.level must be one of") })
        #expect(
            found.contains(
                "MOED_QUEUE_LEESE: unknown variable, and variables that begin with MOED_ are settings (did you mean MOED_QUEUE_LEASE?)"
            ))
        #expect(found.count == 5)
    }

    @Test func weightFormats() throws {
        let plain = try read(yaml: "model: {path: /m}").get().model
        #expect(plain.formats == .auto && plain.packCache == nil)
        let yaml = "model: {path: /m, experts: int4, dense: int8, group: 128, pack_cache: /var/cache/moed}"
        let chosen = try read(yaml: yaml).get().model
        #expect(chosen.formats == FormatChoice(experts: "int4", dense: "int8", group: 128))
        #expect(chosen.packCache == "/var/cache/moed")
        #expect(chosen.formats != FormatChoice(experts: "int4", dense: "int8", group: 64))
        let mixed = try read(yaml: "model: {path: /m, experts: int4, dense: int4/32}").get().model
        #expect(mixed.formats.experts == .int4(group: 64) && mixed.formats.dense == .int4(group: 32))
        for (key, value) in [
            ("experts", "int5"), ("dense", "int4/48"), ("dense", "int2"), ("group", "48"),
            ("experts", "INT4"),
            ("dense", "f32"),
        ] {
            let found = problems(read(yaml: "model: {path: /m, \(key): \(value)}"))
            #expect(found.count == 1 && found[0].contains("model.\(key) must be one of"), "\(found)")
        }
    }

    @Test func aModelIsRequired() {
        #expect(
            problems(read()) == [
                "model.path is required: the directory of a Hugging Face checkpoint or of a pack"
            ])
    }

    @Test(arguments: ["model: [1, 2]", "model: {path: {a: b}}", "- a", "{", "a: b: c", "model"])
    func oddFilesAreAnswered(_ yaml: String) {
        #expect(!problems(read(yaml: yaml)).isEmpty)
    }

    @Test func emptySectionsAndValuesLeaveTheDefaults() throws {
        let yaml =
            "model:\n  path: /m/tiny\n  name: ~\nqueue:\n  #lease: 5s\nlog: {level: }\ndatabase: {url: null}\n"
        let settings = try read(yaml: yaml).get()
        #expect(settings.served.name == "tiny")
        #expect(settings.database.url == "")
        #expect(settings.logLevel == .info)
        #expect(problems(read(yaml: "model: {path: /m}\nqueu:\n")).count == 1)
    }

    @Test(arguments: [
        "database: {url: \"postgres://u:geheim@h/d}", "model: {path: /m}\n\tdatabase: geheim",
        "database:\n  url: geheim\ndatabase:\n  url: geheim", "a: *geheim2", "url: geheim\n---\nurl: geheim",
    ])
    func unreadableFilesAreOneLineWithoutTheirText(_ yaml: String) {
        let found = problems(read(yaml: yaml))
        #expect(found.count == 1)
        #expect(found.first?.contains("\n") == false)
        #expect(found.first?.contains("geheim@") == false && found.first?.contains("url: geheim") == false)
    }

    @Test(
        arguments: [
            ("30d", 2_592_000.0), ("1.5 h", 5400), (" 20s ", 20), ("250ms", 0.25), ("5 min", 300), ("7", 7),
            ("2H", nil),
            ("d", nil), ("-1s", nil), ("3w", nil), ("1e3", nil),
        ] as [(String, Double?)])
    func times(_ text: String, _ seconds: Double?) throws {
        let result = read(yaml: "model: {path: /m}\nqueue: {retention: \"\(text)\"}")
        guard let seconds else {
            #expect(
                problems(result).first?.contains(
                    "queue.retention must be a time like 500ms, 20s, 5m, 2h or 30d, at least 0s and at most 3650d"
                ) == true)
            return
        }
        #expect(try result.get().queue.retention == .seconds(seconds))
    }

    /// A file of another kind is not printed; names are shortened, and at most ten are given.
    @Test func aFileOfAnotherKindIsNotPrinted() {
        let lines = (0..<50).map { "user\($0)\(String(repeating: "x", count: 60)): secret\($0)" }
        let found = problems(read(yaml: lines.joined(separator: "\n")))
        #expect(found.count <= 11)
        #expect(found.allSatisfy { $0.count < 100 && !$0.contains("secret") }, "\(found)")
        let shadow = problems(read(yaml: "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n"))
        #expect(shadow.allSatisfy { !$0.contains("19000") }, "\(shadow)")
        #expect(shadow.contains("moed.yaml:1: unknown key root…"))
    }

    @Test func aSectionWrittenAsAValueIsNamed() {
        let found = problems(read(yaml: "database:\n  url:x\nmodel:\n  path:/x"))
        #expect(
            found.contains {
                $0.contains("moed.yaml:2: database must be a section") && $0.contains("“url: …”")
            })
        #expect(
            found.contains { $0.contains("moed.yaml:4: model must be a section") && $0.contains("“path: …”") }
        )
    }

    @Test func variablesWithThePrefixAreSettings() {
        let found = problems(read(yaml: "model: {path: /m}", environment: ["MOED_DB": "x"]))
        #expect(found == ["MOED_DB: unknown variable, and variables that begin with MOED_ are settings"])
    }

    @Test(arguments: [
        ("host=/h password=geheim", 0o644, true), ("postgresql://u:geheim@h/d", 0o644, true),
        ("postgresql://h/d?password=geheim", 0o604, true), ("host=/h password=geheim", 0o640, false),
        ("host=/h dbname=d", 0o644, false), ("postgresql://u@h:5432/d", 0o644, false),
    ])
    func aPasswordThatOthersMayReadIsRemarkedOn(_ url: String, _ mode: Int, _ isRemarked: Bool) throws {
        let folder = try TemporaryFolder()
        try folder.write("moed.yaml", Array("database: {url: \"\(url)\"}".utf8))
        unsafe chmod(folder.path("moed.yaml"), mode_t(mode))
        let sources = SettingSources.gather(file: folder.path("moed.yaml"), environment: [:], flags: [])
        #expect(sources.warnings.isEmpty != isRemarked)
        #expect(sources.warnings.allSatisfy { !$0.contains("geheim") && $0.contains("database.url") })
    }

    @Test func onlyRegularFilesAreRead() throws {
        let folder = try TemporaryFolder()
        #expect(unsafe mkfifo(folder.path("pipe"), 0o600) == 0)
        for path in [folder.path("pipe"), folder.path, "/dev/zero"] {
            let sources = SettingSources.gather(file: path, environment: [:], flags: [])
            #expect(sources.problems.first?.description == "\(path): it is not a regular file")
        }
    }

    @Test(arguments: [String(repeating: "n", count: 257), "a\nb"])
    func aModelNameMustFitItsColumn(_ name: String) {
        let found = problems(read(yaml: "model: {path: /m}", flags: [("model.name", name)]))
        #expect(found.count == 1)
        #expect(found.first?.contains("model.name must be at most 256 characters") == true)
    }

    @Test func rowsMustHoldTheSlots() {
        let found = problems(read(yaml: "model: {path: /m}\nengine: {slots: 64, rows_per_sweep: 32}"))
        #expect(found.count == 1)
        #expect(found.first?.contains("at least engine.slots") == true)
    }
}
