/// Numbers as text for people: log lines, tables, status.
package enum HumanText {
    /// Three figures, or a whole number: 0.123, 4.57, 45.1, 812. Infinity and NaN become a dash.
    package static func figure(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let digits = abs(value) < 1 ? 3 : abs(value) < 10 ? 2 : abs(value) < 100 ? 1 : 0
        return decimal(value, digits: digits)
    }

    /// Text of a value rounded to `digits` digits after the point, without trailing zeros: 4.0 → "4".
    package static func decimal(_ value: Double, digits: Int) -> String {
        guard value.isFinite else { return "–" }
        let rounded = rounded(value, digits: digits)
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int(rounded)) : String(rounded)
    }

    /// Value rounded to `digits` digits after the point.
    package static func rounded(_ value: Double, digits: Int) -> Double {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        return (value * scale).rounded() / scale
    }

    /// 0.456 → "46 %".
    package static func percent(_ ratio: Double) -> String {
        ratio.isFinite ? "\(Int((min(ratio, 1e6) * 100).rounded())) %" : "–"
    }

    /// A whole time in its largest unit, as settings take it: 5 s → "5s", 7200 s → "2h", 30 days → "30d".
    package static func setting(_ time: Duration) -> String {
        let milliseconds =
            time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000
        guard milliseconds != 0 else { return "0s" }
        let units: [(String, Int64)] = [
            ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
        ]
        let unit = units.first { milliseconds.isMultiple(of: $0.1) }
        return unit.map { "\(milliseconds / $0.1)\($0.0)" } ?? "\(milliseconds)ms"
    }

    /// 30532122624 → "30.5 B".
    package static func count(_ value: Int) -> String { scaled(value, ["", " k", " M", " B", " T"]) }

    /// Decimal units: 2750000 → "2.75 MB".
    package static func bytes(_ value: Int) -> String { scaled(value, [" B", " kB", " MB", " GB", " TB"]) }

    private static func scaled(_ value: Int, _ units: [String]) -> String {
        var (scaled, unit) = (Double(value), 0)
        while scaled >= 1000, unit < units.count - 1 {
            scaled /= 1000
            unit += 1
        }
        return decimal(scaled, digits: unit == 0 ? 0 : scaled < 10 ? 2 : scaled < 100 ? 1 : 0) + units[unit]
    }
}
