extension Duration {
    /// Reads `500ms`, `20s`, `5m`, `1h`, `30d`, `1.5s`; a bare number is seconds. Blanks around it do not matter.
    package init?(setting text: String) {
        let words = text.split(whereSeparator: \.isWhitespace).joined()
        let number = words.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let value = Double(number), value.isFinite, value < 1e9 else { return nil }
        switch words.dropFirst(number.count) {
        case "ms": self = .seconds(value / 1000)
        case "s", "": self = .seconds(value)
        case "m", "min": self = .seconds(value * 60)
        case "h": self = .seconds(value * 3600)
        case "d": self = .seconds(value * 86_400)
        default: return nil
        }
    }
}
