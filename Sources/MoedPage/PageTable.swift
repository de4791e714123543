import MoedCore

/// Rows of a report as an HTML table.
struct PageTable {
    private let rows: [JSONObject]
    private let link: (_ column: String, _ value: JSONValue) -> String?

    /// - Parameter link: address that a cell leads to; nil for none.
    init(_ rows: [JSONObject], link: @escaping (_ column: String, _ value: JSONValue) -> String? = { _, _ in nil }) {
        self.rows = rows
        self.link = link
    }

    var html: HTMLText {
        guard let first = rows.first else { return "" }
        let columns = first.members.map(\.key)
        let head = columns.map { "<th scope=\"col\">\($0.replacing("_", with: " "))</th>" as HTMLText }.joined
        let body = rows.map { row in
            "<tr>\(columns.map { cell($0, row[$0] ?? .null) }.joined)</tr>\n" as HTMLText
        }.joined
        let table: HTMLText = "<table><thead><tr>\(head)</tr></thead>\n<tbody>\(body)</tbody></table>"
        return "<div class=\"scroll\" tabindex=\"0\">\(table)</div>\n"
    }

    private func cell(_ column: String, _ value: JSONValue) -> HTMLText {
        let text = Self.text(value)
        let content: HTMLText =
            if let address = link(column, value) { "<a href=\"\(address)\">\(text)</a>" } else { "\(text)" }
        return value.number == nil ? "<td>\(content)</td>" : "<td class=\"number\">\(content)</td>"
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "–"
        case .string(let text): text
        case .bool(let holds): holds ? "yes" : "no"
        case .array(let values): values.map(text).joined(separator: ", ")
        case .object: value.serialized()
        default: value.shortest
        }
    }
}
