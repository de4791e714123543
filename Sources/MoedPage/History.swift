package import MoedCore

/// The last 24 hours, in charts and as a table.
package struct History: Sendable {
    /// Length of a chart's span in seconds.
    package static let span = 600
    /// Length of a row of the table in seconds.
    package static let row = 3600
    private static let day = 86_400

    /// Unix time of the last span.
    package var last: Int64 = 0
    /// Sums of each span with minutes; `start` is its Unix time.
    package var spans: [JSONObject] = []
    package var hours: [JSONObject] = []
    /// Averages of each endpoint and span.
    package var endpoints: [JSONObject] = []

    package init() {}

    private static let tokens = [
        ("prompt_tokens", "prompt"), ("cached_tokens", "cached prompt"), ("completion_tokens", "completion"),
        ("wasted_tokens", "wasted"),
    ]

    var html: HTMLText {
        guard !spans.isEmpty else {
            return "<p>No minute of the last day was recorded: workers of this version record them.</p>\n"
        }
        let charts = [
            Chart(
                id: "chart-tokens", title: "Tokens", unit: "a second, by kind", form: .stackedBars,
                series: Self.tokens.map { key, name in .init(name: name, values: values(key, isRate: true)) },
                times: times),
            Chart(
                id: "chart-queue", title: "Queue", unit: "jobs, the most of ten minutes", form: .lines,
                series: ["queued", "running"].map { .init(name: $0, values: values($0, isRate: false)) }, times: times),
            Chart(
                id: "chart-ended", title: "Jobs ended", unit: "in ten minutes, by outcome", form: .stackedBars,
                series: ["succeeded", "failed", "cancelled"].map { .init(name: $0, values: values($0, isRate: false)) },
                times: times),
        ]
        let all = charts + (endpointChart.map { [$0] } ?? [])
        let table = PageTable(hours.map(Self.withoutStart)).html
        return """
            <div class="charts">\(all.map(\.html).joined)</div>
            <details><summary>The same by hours (UTC), as numbers</summary>\(table)</details>

            """
    }

    /// Tokens a second of the first endpoints by name; nil when there was none.
    private var endpointChart: Chart? {
        var found: [String: [Double?]] = [:]
        for row in endpoints {
            guard let name = row["name"]?.string, let place = place(row) else { continue }
            found[name, default: empty][place] = row["tokens_per_second"]?.number
        }
        guard !found.isEmpty else { return nil }
        let shown = found.sorted { $0.key < $1.key }.prefix(Chart.coloursMax)
        return Chart(
            id: "chart-endpoints", title: "Endpoints", unit: "tokens a second", form: .lines,
            series: shown.map { .init(name: $0.key, values: $0.value) }, times: times)
    }

    private var empty: [Double?] { Array(repeating: nil, count: Self.day / Self.span) }

    /// The place of a row's span in a chart; nil outside of the day.
    private func place(_ row: JSONObject) -> Int? {
        guard let start = row["start"]?.integer.map(Int64.init) else { return nil }
        let (behind, isOutside) = last.subtractingReportingOverflow(start)
        guard !isOutside, behind >= 0, behind < Int64(Self.day) else { return nil }
        return Self.day / Self.span - 1 - Int(behind) / Self.span
    }

    private func values(_ key: String, isRate: Bool) -> [Double?] {
        var values = empty
        for row in spans {
            guard let place = place(row), let value = row[key]?.number else { continue }
            let minutes = row["minutes"]?.number ?? 0
            values[place] = isRate ? value / (60 * max(minutes, 1)) : value
        }
        return values
    }

    /// Hours of UTC, every four hours up to now.
    private var times: [String] {
        (0...6).map { step in
            let time = last - Int64((6 - step) * 4 * 3600) + Int64(Self.span)
            let (hour, minute) = (time / 3600 % 24, time / 60 % 60)
            return "\(hour < 10 ? "0" : "")\(hour):\(minute < 10 ? "0" : "")\(minute)"
        }
    }

    private static func withoutStart(_ row: JSONObject) -> JSONObject {
        var row = row
        row["start"] = nil
        return row
    }
}
