/// The text of a unit that looks at disk, user and credentials as another unit does, and runs a check in place of its
/// program.
package struct UnitCopy: Sendable {
    /// Lines of the service's section that concern the life of the program and not its view.
    private static let lifeKeys = [
        "Type", "ExecStart", "ExecStartPre", "ExecStartPost", "ExecCondition", "ExecReload", "ExecStop",
        "ExecStopPost", "Restart", "RestartSec", "RestartSteps", "RestartMaxDelaySec", "WatchdogSec",
        "NotifyAccess",
        "BusName", "PIDFile", "RemainAfterExit", "StandardOutput", "StandardError", "SuccessExitStatus",
        "RestartPreventExitStatus", "RestartForceExitStatus", "TimeoutStartSec", "OOMPolicy",
        "FileDescriptorStoreMax",
    ]

    /// The text of the new unit.
    package let text: String

    /// - Parameters:
    ///   - source: the unit with its drop-ins, as `systemctl cat` prints them.
    ///   - output: file that takes the output of the check.
    ///   - options: further words for the check.
    /// - Returns: nil when the unit does not run `moed run`.
    package init?(of source: String, output: String, options: [String]) {
        let lines = Self.logicalLines(source)
        var section = ""
        var kept: [String] = []
        var start: String?
        for line in lines {
            if line.hasPrefix("[") { section = line }
            guard section == "[Service]", !line.hasPrefix("["), let equals = line.firstIndex(of: "=") else {
                continue
            }
            let key = String(line[..<equals].filter { !$0.isWhitespace })
            let value = line[line.index(after: equals)...].drop { $0 == " " }
            if key == "ExecStart" { start = value.isEmpty ? nil : String(value) }
            if !Self.lifeKeys.contains(key) { kept.append(line) }
        }
        guard let words = start?.split(separator: " "), words.count >= 2, words[1] == "run" else {
            return nil
        }
        let command =
            [words[0], "check"] + Self.withoutRunFlags(words.dropFirst(2))
            + options.map { Substring(Self.quoted($0)) }
        text = """
            [Unit]
            Description=moed check with the view of another unit

            [Service]
            \(kept.joined(separator: "\n"))
            Type=oneshot
            RuntimeDirectoryPreserve=yes
            StandardOutput=append:\(output)
            StandardError=append:\(output)
            ExecStart=\(command.joined(separator: " "))

            """
    }

    /// Lines without comments; a line that ends with a backslash goes on in the next one.
    private static func logicalLines(_ text: String) -> [String] {
        var lines: [String] = []
        var open = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let trimmed = line.drop { $0 == " " || $0 == "\t" }
            if trimmed.hasPrefix("#") || trimmed.hasPrefix(";") { continue }
            if line.hasSuffix("\\") {
                open += line.dropLast() + " "
                continue
            }
            lines.append((open + line).trimmed)
            open = ""
        }
        return lines.filter { !$0.isEmpty }
    }

    /// Words of `moed run` that `moed check` knows, too.
    private static func withoutRunFlags(_ words: ArraySlice<Substring>) -> [Substring] {
        var (result, skips): ([Substring], Bool) = ([], false)
        for word in words {
            if skips {
                skips = false
                continue
            }
            if word == "--trace-routing" {
                skips = true
                continue
            }
            let isFlag = ["--drain", "--progress", "--no-progress"].contains(word)
            if isFlag || word.hasPrefix("--trace-routing=") { continue }
            result.append(word)
        }
        return result
    }

    /// A word as a unit file quotes it.
    private static func quoted(_ word: String) -> String {
        let escaped = word.map { character in
            switch character {
            case "%", "$": "\(character)\(character)"
            case "\\", "\"": "\\\(character)"
            default: String(character)
            }
        }
        return "\"\(escaped.joined())\""
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
