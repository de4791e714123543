import MoedHost

/// The configuration keys as files: `docs/configuration.md` and `systemd/moed.yaml.example`.
package enum SettingDocument {
    /// The file `docs/configuration.md`.
    package static var markdown: String {
        let tables = sections.map { section in
            ["", "## \(section.name)", "", "| key | default | explanation |", "|---|---|---|"]
                + section.keys.map { "| `\($0.path)` | \(fallback($0)) | \($0.explanation) |" }
        }
        let endpoints =
            [
                "", "## \(EndpointKey.section)", "", EndpointKey.introduction, "",
                "| key | default | explanation |", "|---|---|---|",
            ]
            + EndpointKey.all.map { key in
                "| `\(key.name)` | \(key.fallback.isEmpty ? "" : "`\(key.fallback)`") | \(key.explanation) |"
            }
        let adapters = [
            "", "## \(AdapterText.section)", "", AdapterText.introduction, "",
            "| key | default | explanation |", "|---|---|---|", "| a name | | \(AdapterText.explanation) |",
        ]
        return (introduction + tables.joined() + endpoints + adapters).joined(separator: "\n") + "\n"
    }

    /// The file `systemd/moed.yaml.example`.
    package static var yaml: String {
        let parts = sections.map { section in
            ["", "\(section.name):"] + section.keys.flatMap { comment($0) + [assignment($0)] }
        }
        return (head + parts.joined() + endpoints + adapters).joined(separator: "\n") + "\n"
    }

    /// The list of endpoints, commented out.
    private static var endpoints: [String] {
        let keys = EndpointKey.all.enumerated().flatMap { index, key in
            HumanText.wrapped(key.explanation, width: 112).map { "#    # \($0)" }
                + ["#  \(index == 0 ? "-" : " ") \(key.name): \(key.example)"]
        }
        return [""] + HumanText.wrapped(EndpointKey.introduction, width: 116).map { "# \($0)" }
            + ["#\(EndpointKey.section):"] + keys
    }

    /// The adapters, commented out.
    private static var adapters: [String] {
        let (name, path) = AdapterText.example
        let comment = HumanText.wrapped(AdapterText.explanation, width: 112).map { "#  # \($0)" }
        return [""] + HumanText.wrapped(AdapterText.introduction, width: 116).map { "# \($0)" }
            + ["#\(AdapterText.section):"] + comment + ["#  \(name): \(path)"]
    }

    /// Keys by section, in the order of the table.
    private static var sections: [(name: Substring, keys: [SettingKey])] {
        SettingKey.all.reduce(into: []) { sections, key in
            if sections.last?.name != key.section { sections.append((key.section, [])) }
            sections[sections.count - 1].keys.append(key)
        }
    }

    private static func fallback(_ key: SettingKey) -> String {
        key.fallback.isEmpty ? "" : "`\(key.fallback)`"
    }

    private static func comment(_ key: SettingKey) -> [String] {
        HumanText.wrapped(key.explanation, width: 116).map { "  # \($0)" }
    }

    private static func assignment(_ key: SettingKey) -> String {
        switch key.example {
        case .none: "  \(key.name): \(key.fallback)"
        case .set(let value): "  \(key.name): \(value)"
        case .suggested(let value): "  #\(key.name): \(value)"
        }
    }

    private static let head = [
        "# Configuration of moed: /etc/moed/moed.yaml. Printed by `moed settings --yaml`.",
        "#",
        "# Each key has its default here, except database.url and model.path, which are yours to set.",
        "# Each key is also a variable: queue.poll_interval is MOED_QUEUE_POLL_INTERVAL.",
        "# Variables override this file, and --set overrides variables. Unknown keys are errors.",
        "# `moed check --config FILE` checks the file, the database and the model.",
    ]

    private static let introduction = [
        "# Configuration",
        "",
        "`moed settings --markdown` prints this page, and a test compares them. `moed settings --yaml` prints the",
        "example file `/etc/moed/moed.yaml.example`.",
        "",
        "One YAML file holds the configuration: `moed run --config /etc/moed/moed.yaml`. Each key is also an",
        "environment variable: `queue.max_wait` is `MOED_QUEUE_MAX_WAIT`. Each key is also a flag:",
        "`--set queue.max_wait=30s`. Variables override the file, and flags override variables.",
        "",
        "- A key that does not exist is an error with file and line. So is a variable that begins with `MOED_` and",
        "  is no key.",
        "- Times are `500ms`, `20s`, `5m`, `1h` or `30d`; a bare number is seconds.",
        "- Sizes are `20GiB`, `500MB` in any case, bytes without a unit, or a part such as `80%`.",
        "- Switches are `true`, `yes`, `on`, or `false`, `no`, `off`.",
        "- `0`, `auto` and an empty value let moed choose; the explanation says what it chooses.",
        "",
        "`moed check` reads the configuration as `moed run` does and prints one line for each problem.",
        "",
        "SIGHUP (`systemctl reload moed`) reads the configuration again. These keys change at once:",
        SettingKey.all.map(\.path).filter(SettingKey.reloadable.contains).map { "`\($0)`" }.joined(
            separator: ", ")
            + ". So do the adapters.",
        "All others need a restart, and the log names them. An invalid configuration leaves the old one in force.",
    ]
}
