import MoedCore

/// Rows for people, in columns, or for programs, as JSON lines.
struct TextTable {
    private let columns: [String]
    private var rows: [[JSONValue]] = []

    private static let gap = 2

    init(_ columns: [String]) { self.columns = columns }

    /// A table of objects with the same members.
    init(_ objects: [JSONObject]) {
        columns = objects.first?.members.map(\.key) ?? []
        rows = objects.map { object in columns.map { object[$0] ?? .null } }
    }

    mutating func add(_ row: [JSONValue]) { rows.append(row) }

    /// The table with a line of titles. Numbers are on the right of their columns.
    var text: String {
        let cells = rows.map { $0.map(Self.cell) }
        let widths = columns.indices.map { column in
            cells.reduce(columns[column].count) { max($0, $1[column].count) }
        }
        let isNumber = columns.indices.map { column in
            rows.contains { $0[column].number != nil } && !rows.contains { $0[column].string != nil }
        }
        func line(_ texts: [String]) -> String {
            var line = ""
            for (column, text) in texts.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - text.count)
                line += isNumber[column] ? padding + text : text + padding
                line += String(repeating: " ", count: Self.gap)
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }
        return line(columns) + cells.map(line).joined()
    }

    /// One JSON object a line, with the columns as members.
    var jsonLines: String {
        rows.map { row in JSONValue.object(JSONObject(Array(zip(columns, row)))).serialized() + "\n" }
            .joined()
    }

    private static func cell(_ value: JSONValue) -> String {
        switch value {
        case .null: "–"
        case .string(let text): String(text.map { $0.isNewline ? " " : $0 })
        case .bool(let holds): holds ? "yes" : "no"
        case .array(let values): values.map(cell).joined(separator: ", ")
        default: value.shortest
        }
    }
}
