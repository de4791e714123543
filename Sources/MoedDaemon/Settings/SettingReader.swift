import MoedCore

/// Turns raw setting texts into values and collects the problems.
struct SettingReader {
    private let sources: SettingSources
    private(set) var problems: [ConfigurationProblem]

    init(_ sources: SettingSources) {
        self.sources = sources
        problems = sources.problems
    }

    func text(_ key: SettingKey) -> String { sources.values[key.path]?.text ?? key.fallback }

    mutating func report(_ key: SettingKey, _ reason: String) {
        let origin = sources.values[key.path].map { "\($0.origin): " } ?? ""
        problems.append(ConfigurationProblem("\(origin)\(key.path) \(reason)"))
    }

    mutating func integer(_ key: SettingKey, in range: ClosedRange<Int>) -> Int {
        let text = text(key)
        guard let value = Int(text), range.contains(value) else {
            report(key, "must be a whole number in \(range.lowerBound)…\(range.upperBound), not “\(text)”")
            return range.lowerBound
        }
        return value
    }

    mutating func boolean(_ key: SettingKey) -> Bool {
        let text = text(key).lowercased()
        if ["true", "yes", "on"].contains(text) { return true }
        if !["false", "no", "off"].contains(text) { report(key, "must be true or false, not “\(text)”") }
        return false
    }

    mutating func choice(_ key: SettingKey, of words: [String]) -> String {
        let text = text(key)
        if !words.contains(text) {
            report(key, "must be one of \(words.joined(separator: ", ")), not “\(text)”")
        }
        return text
    }

    mutating func duration(_ key: SettingKey, in range: ClosedRange<Duration>) -> Duration {
        let text = text(key)
        guard let value = Duration(setting: text), range.contains(value) else {
            report(
                key,
                "must be a time like 500ms, 20s or 5m in \(range.lowerBound)…\(range.upperBound), not “\(text)”"
            )
            return range.lowerBound
        }
        return value
    }
}

extension Duration {
    /// Reads `500ms`, `20s`, `5m`, `1h`, `1.5s`; a bare number is seconds.
    init?(setting text: String) {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let value = Double(number), value.isFinite, value < 1e9 else { return nil }
        switch text.dropFirst(number.count) {
        case "ms": self = .seconds(value / 1000)
        case "s", "": self = .seconds(value)
        case "m", "min": self = .seconds(value * 60)
        case "h": self = .seconds(value * 3600)
        default: return nil
        }
    }
}
