/// Text table for people: the first column is left-aligned, the others are right-aligned.
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
}
