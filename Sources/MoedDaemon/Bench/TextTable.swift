/// Columns for people: the first to the left, the others to the right.
package struct TextTable: Sendable {
    private var rows: [[String]]

    package init(header: [String]) { rows = [header] }

    package mutating func add(_ row: [String]) { rows.append(row) }

    package var lines: [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, text) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - text.count)
                line += column == 0 ? text + padding : "  " + padding + text
            }
            return line
        }
    }

    /// Three figures, or a whole number: 0.123, 4.57, 45.1, 812.
    package static func figure(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let scale = abs(value) < 1 ? 1000.0 : abs(value) < 10 ? 100.0 : abs(value) < 100 ? 10.0 : 1.0
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int(rounded)) : String(rounded)
    }

    /// 0.456 → "46 %".
    package static func percent(_ ratio: Double) -> String {
        ratio.isFinite ? "\(Int((min(ratio, 1e6) * 100).rounded())) %" : "–"
    }
}
