package import MoedCore
import MoedHost

/// Turns raw setting texts into values and collects the problems.
package struct SettingReader {
    private let sources: SettingSources
    package private(set) var problems: [ConfigurationProblem]

    package init(_ sources: SettingSources) {
        self.sources = sources
        problems = sources.problems
    }

    package func text(_ key: SettingKey) -> String { sources.text(key) }

    /// - Parameter value: value to quote, shortened; nil quotes none.
    package mutating func report(_ key: SettingKey, _ reason: String, not value: String? = nil) {
        let origin = sources.values[key.path].map { "\($0.origin): " } ?? ""
        let quoted = value.map { ", not “\(SettingSources.shortened($0))”" } ?? ""
        problems.append(ConfigurationProblem("\(origin)\(key.path) \(reason)\(quoted)"))
    }

    /// Reports a problem that names its place itself.
    package mutating func report(_ problem: String) { problems.append(ConfigurationProblem(problem)) }

    package mutating func integer(_ key: SettingKey, in range: ClosedRange<Int>) -> Int {
        let text = text(key)
        guard let value = Int(text), range.contains(value) else {
            report(key, "must be a whole number in \(range.lowerBound)…\(range.upperBound)", not: text)
            return range.lowerBound
        }
        return value
    }

    package mutating func boolean(_ key: SettingKey) -> Bool {
        let text = text(key).lowercased()
        if ["true", "yes", "on"].contains(text) { return true }
        if !["false", "no", "off"].contains(text) { report(key, "must be true or false", not: text) }
        return false
    }

    package mutating func choice(_ key: SettingKey, of words: [String]) -> String {
        let text = text(key)
        if !words.contains(text) {
            report(key, "must be one of \(words.joined(separator: ", "))", not: text)
        }
        return text
    }

    package mutating func duration(_ key: SettingKey, in range: ClosedRange<Duration>) -> Duration {
        let text = text(key)
        guard let value = Duration(setting: text), range.contains(value) else {
            let (least, most) = (HumanText.setting(range.lowerBound), HumanText.setting(range.upperBound))
            report(
                key,
                "must be a time like 500ms, 20s, 5m, 2h or 30d, at least \(least) and at most \(most)",
                not: text)
            return range.lowerBound
        }
        return value
    }
}
