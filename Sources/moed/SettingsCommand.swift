import ArgumentParser
import MoedSettings

struct SettingsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings",
        abstract: "Print every configuration key with its default and its explanation.",
        discussion: """
            Reads nothing and changes nothing. Without a flag it prints the list that `moed run --help` shows.

            Examples:
              moed settings | grep -A 3 queue.lease
              moed settings --yaml > moed.yaml
              moed settings --markdown > docs/configuration.md
            """)

    @Flag(help: "Print a page in Markdown: docs/configuration.md.")
    var markdown = false

    @Flag(help: "Print a YAML file with all defaults: systemd/moed.yaml.example.")
    var yaml = false

    func validate() throws {
        guard !(markdown && yaml) else { throw ValidationError("give --markdown or --yaml, not both") }
    }

    func run() {
        if markdown {
            print(SettingDocument.markdown, terminator: "")
        } else {
            print(yaml ? SettingDocument.yaml : SettingTable.text + "\n", terminator: "")
        }
    }
}
