/// Memory that moed may use: a number of bytes, or a percentage of the available memory.
package enum MemoryBudget: Sendable, Equatable {
    case bytes(Int)
    /// Percentage, 1…100, of the machine's memory or of the control group's limit, whichever is less.
    case percent(Int)

    /// Reads `20GiB`, `500MB`, `8000000000` or `80%`. Case and blanks around the unit do not matter.
    package init?(_ text: String) {
        let text = text.split(whereSeparator: \.isWhitespace).joined().lowercased()
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let value = Double(number), value.isFinite, value > 0, value < 1e15 else { return nil }
        let unit = text.dropFirst(number.count)
        if unit == "%" {
            guard value <= 100, value == value.rounded() else { return nil }
            self = .percent(Int(value))
            return
        }
        guard let factor = Self.units[String(unit)], value * factor < 1e18 else { return nil }
        self = .bytes(Int(value * factor))
    }

    private static let units: [String: Double] = [
        "": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1024, "mib": 1_048_576,
        "gib": 1_073_741_824, "tib": 1_099_511_627_776, "k": 1024, "m": 1_048_576, "g": 1_073_741_824,
    ]

    /// - Parameter available: available memory in bytes, the base of a percentage.
    package func byteCount(of available: Int) -> Int {
        switch self {
        case .bytes(let count): count
        case .percent(let part): available / 100 * part
        }
    }
}
