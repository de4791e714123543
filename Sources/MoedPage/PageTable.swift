import MoedCore

/// Rows of a report as an HTML table.
struct PageTable {
    private let rows: [JSONObject]
    private let actions: (_ row: JSONObject) -> HTMLText?
    private let link: (_ column: String, _ value: JSONValue) -> String?

    /// - Parameters:
    ///   - actions: what a row's last cell has; nil for all rows leaves the column out.
    ///   - link: address that a cell leads to; nil for none.
    init(
        _ rows: [JSONObject], actions: @escaping (_ row: JSONObject) -> HTMLText? = { _ in nil },
        link: @escaping (_ column: String, _ value: JSONValue) -> String? = { _, _ in nil }
    ) {
        self.actions = actions
        self.rows = rows
        self.link = link
    }

    var html: HTMLText {
        guard let first = rows.first else { return "" }
        let columns = first.members.map(\.key)
        let numbers = Set(columns.filter { column in rows.contains { $0[column]?.number != nil } })
        let names = columns + (actions(first) == nil ? [] : ["actions"])
        let head = names.map { name -> HTMLText in
            "<th scope=\"col\"\(numbers.contains(name) ? Self.number : "")>\(name.replacing("_", with: " "))</th>"
        }.joined
        let body = rows.map { row in
            let last = actions(row).map { "<td>\($0)</td>" as HTMLText } ?? ""
            return "<tr>\(columns.map { cell($0, row[$0] ?? .null, numbers) }.joined)\(last)</tr>\n" as HTMLText
        }.joined
        let table: HTMLText = "<table><thead><tr>\(head)</tr></thead>\n<tbody>\(body)</tbody></table>"
        return "<div class=\"scroll\" tabindex=\"0\">\(table)</div>\n"
    }

    private static let number: HTMLText = " class=\"number\""

    private func cell(_ column: String, _ value: JSONValue, _ numbers: Set<String>) -> HTMLText {
        let text = Self.text(value)
        let content: HTMLText =
            if let address = link(column, value) { "<a href=\"\(address)\">\(text)</a>" } else { "\(text)" }
        return "<td\(numbers.contains(column) ? Self.number : "")>\(content)</td>"
    }

    /// A length of time in words of two units, such as `3 h 20 min`.
    static func duration(_ seconds: JSONValue) -> JSONValue {
        guard let seconds = seconds.integer, seconds >= 0 else { return .null }
        let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")]
        var (rest, words) = (seconds, [String]())
        for (size, name) in units where words.count < 2 {
            if rest >= size { words.append("\(rest / size) \(name)") } else if !words.isEmpty { break }
            rest %= size
        }
        return .string(words.isEmpty ? "0 s" : words.joined(separator: " "))
    }

    static func text(_ value: JSONValue) -> String {
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
