/// Memory that moed may use: a number of bytes, or a percentage of the available memory.
package enum MemoryBudget: Sendable, Equatable {
    case bytes(Int)
    /// Percentage, 1…100, of the machine's memory or of the control group's limit, whichever is less.
    case percent(Int)

    /// Reads `20GiB`, `500MB`, `8000000000` or `80%`.
    package init?(_ text: String) {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let value = Double(number), value.isFinite, value > 0, value < 1e15 else { return nil }
        let unit = text.dropFirst(number.count).drop { $0 == " " }
        if unit == "%" {
            guard value <= 100, value == value.rounded() else { return nil }
            self = .percent(Int(value))
            return
        }
        guard let factor = Self.units[String(unit)], value * factor < 1e18 else { return nil }
        self = .bytes(Int(value * factor))
    }

    private static let units: [String: Double] = [
        "": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1024, "MiB": 1_048_576,
        "GiB": 1_073_741_824, "TiB": 1_099_511_627_776, "K": 1024, "M": 1_048_576, "G": 1_073_741_824,
    ]

    /// - Parameter available: available memory in bytes, the base of a percentage.
    package func byteCount(of available: Int) -> Int {
        switch self {
        case .bytes(let count): count
        case .percent(let part): available / 100 * part
        }
    }
}
