package import MoedCore
import MoedHost
import MoedSystemd
import Yams

/// Raw values from file, environment and flags, each with its origin. Later sources win.
package struct SettingSources: Sendable {
    package struct Value: Sendable, Equatable {
        package var text: String
        /// Origin for messages: `moed.yaml:12`, `MOED_QUEUE_LEASE`, `command line`.
        package var origin: String
    }

    /// Variables that begin with `MOED_` but are no settings.
    private static let otherVariables: Set<String> = [
        "MOED_GOLDEN", "MOED_TEST_DATABASE", "MOED_BINARY", "MOED_MODEL",
    ]

    private static let unknownKeysMax = 10

    package private(set) var values: [String: Value] = [:]
    /// Entries of the list `endpoints`, in order.
    package internal(set) var endpoints: [EndpointText] = []
    /// Entries of the section `adapters`, in order.
    package internal(set) var adapters: [AdapterText] = []
    package private(set) var problems: [ConfigurationProblem] = []
    /// Remarks about a configuration that is valid.
    package var warnings: [String] = []
    /// Path of the file; nil when none was named.
    package var file: String?
    /// Directory of the credentials that the service manager hands over; nil outside of a unit.
    package var credentialsDirectory: String?
    /// Password that the service manager hands over.
    var credential: PasswordCredential?
    /// Number of unknown keys that were passed over in silence.
    private var unknownKeys = 0
    /// True when the file could not be read; missing keys are then not reported.
    package private(set) var isUnreadable = false

    package init() {}

    mutating func report(_ problem: String) { problems.append(ConfigurationProblem(problem)) }

    mutating func reportUnreadable(_ problem: String) {
        isUnreadable = true
        problems.append(ConfigurationProblem(problem))
    }

    /// Reads a YAML file of nested mappings.
    package mutating func addFile(named name: String, text: String) {
        do {
            guard let root = try Yams.compose(yaml: text), root.null == nil else { return }
            guard case .mapping = root else {
                return reportUnreadable(
                    "\(name) is no configuration: it must hold sections such as `database:`")
            }
            addNode(root, path: "", file: name)
        } catch {
            reportUnreadable(Self.problem(error, file: name))
        }
    }

    /// One-line message without the text around the error, which may be a password.
    private static func problem(_ error: any Error, file: String) -> String {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "\(file):\(mark.line): no valid YAML: \(problem)"
        case .reader(let problem, _, _, _): "\(file): no valid YAML: \(problem)"
        case .duplicatedKeysInMapping(let duplicates, let context):
            "\(file):\(context.mark.line): given twice: \(duplicates.prefix(3).map(shownKey).joined(separator: ", "))"
        default: "\(file): no valid YAML"
        }
    }

    private mutating func addNode(_ node: Node, path: String, file: String) {
        let origin = node.mark.map { "\(file):\($0.line)" } ?? file
        switch node {
        case _ where path == EndpointKey.section:
            if node.null == nil { addEndpoints(node, file: file) }
        case _ where path == AdapterText.section:
            if node.null == nil { addAdapters(node, file: file) }
        case .mapping(let mapping):
            for (key, value) in mapping {
                guard let name = key.string else {
                    problems.append(ConfigurationProblem("\(origin): a key must be a word"))
                    continue
                }
                addNode(value, path: path.isEmpty ? name : "\(path).\(name)", file: file)
            }
        // An empty value and a section whose keys are all commented out leave the defaults in force.
        case .scalar where node.null != nil && (path.isEmpty || Self.isKnown(path)): break
        case .scalar where Self.isSection(path):
            let example = SettingKey.all.first { $0.section == path }?.name ?? ""
            problems.append(
                ConfigurationProblem(
                    "\(origin): \(path) must be a section: below it, indented lines such as “\(example): …”, "
                        + "with a blank after the colon"))
        case .scalar(let scalar): set(path, Value(text: scalar.string, origin: origin))
        default:
            problems.append(ConfigurationProblem("\(origin): \(Self.shownKey(path)) must be a single value"))
        }
    }

    private static func isSection(_ path: String) -> Bool { SettingKey.all.contains { $0.section == path } }

    /// A name or value from outside, for a message.
    static func shortened(_ text: String) -> String {
        let line = text.map { $0.isNewline || $0 == "\t" ? " " : $0 }
        return line.count > 40 ? String(line.prefix(39)) + "…" : String(line)
    }

    /// The beginning of a key from outside: a line of another file may hold a secret.
    private static func shownKey(_ key: String) -> String {
        let word = key.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }.prefix(40)
        return word.count < key.count ? "\(word)…" : key
    }

    /// True when the path is a key or a section of keys.
    private static func isKnown(_ path: String) -> Bool {
        SettingKey.all.contains { $0.path == path || $0.path.hasPrefix("\(path).") }
    }

    /// Reads `MOED_…` variables.
    package mutating func addEnvironment(_ environment: [String: String]) {
        let paths = Dictionary(uniqueKeysWithValues: SettingKey.all.map { ($0.environmentName, $0.path) })
        for (name, text) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("MOED_") {
            if let path = paths[name] ?? (name == "MOED_CPU" ? SettingKey.engineCPU.path : nil) {
                set(path, Value(text: text, origin: name))
            } else if !Self.otherVariables.contains(name) {
                let hint = Self.nearest(to: name, among: Array(paths.keys))
                problems.append(
                    ConfigurationProblem(
                        "\(name): unknown variable, and variables that begin with MOED_ are settings\(hint)"))
            }
        }
    }

    /// Takes `--set key=value` and the named flags, already in dotted form.
    package mutating func addFlags(_ flags: [(path: String, text: String)]) {
        for (path, text) in flags { set(path, Value(text: text, origin: "command line")) }
    }

    private mutating func set(_ path: String, _ value: Value) {
        guard SettingKey.all.contains(where: { $0.path == path }) else {
            // A file of something else has many; they are not to be printed line by line.
            unknownKeys += 1
            guard unknownKeys <= Self.unknownKeysMax else { return }
            let hint = Self.nearest(to: path, among: SettingKey.all.map(\.path))
            problems.append(
                ConfigurationProblem("\(value.origin): unknown key \(Self.shownKey(path))\(hint)"))
            return
        }
        values[path] = value
    }

    /// Hint " (did you mean X?)" when X differs by at most three edits.
    private static func nearest(to name: String, among candidates: [String]) -> String {
        HumanText.nearest(to: name, among: candidates, editsMax: 3).map { " (did you mean \($0)?)" } ?? ""
    }
}
