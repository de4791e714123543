/// A chart of spans of time as SVG and HTML, made here: it needs no script. Labels are HTML, so they keep their size.
struct Chart {
    struct Series {
        var name: String
        /// A value for each span; nil where nothing is known.
        var values: [Double?]
    }

    enum Form { case stackedBars, lines }

    var id: String
    var title: String
    var unit: String
    var form: Form
    var series: [Series]
    /// Labels under the chart, from its left to its right end.
    var times: [String]

    /// Colours of the style sheet; a chart has at most as many series.
    static let coloursMax = 8
    private static let height = 100.0

    private var spans: Int { series.map(\.values.count).max() ?? 0 }

    /// Upper end of the axis: a round number that no span exceeds.
    var top: Double {
        let highest = (0..<spans).map { span in
            let values = series.map { span < $0.values.count ? $0.values[span] ?? 0 : 0 }
            return form == .stackedBars ? values.reduce(0, +) : values.max() ?? 0
        }.max() ?? 0
        return Self.round(up: highest)
    }

    var html: HTMLText {
        let legend = series.enumerated().map { index, one -> HTMLText in
            // The last span has just begun, and may have no minute yet.
            let latest = one.values.suffix(2).compactMap { $0 }.last.map(AxisNumber.text) ?? "–"
            return "<li><span class=\"swatch k\(index + 1)\"></span>\(one.name) <b>\(latest)</b></li>"
        }.joined
        let labels = times.map { "<span>\($0)</span>" as HTMLText }.joined
        let (top, middle) = (AxisNumber.text(top), AxisNumber.text(top / 2))
        return """
            <figure id="\(id)"><figcaption>\(title) <small>\(unit)</small></figcaption>
            <ul class="legend">\(legend)</ul>
            <div class="plot"><div class="axis"><span>\(top)</span><span>\(middle)</span><span>0</span></div>
            <svg viewBox="0 0 \(spans * 4) \(Int(Self.height))" preserveAspectRatio="none" role="img" \
            aria-label="\(title), \(unit), the last 24 hours">\(grid)\(shapes)</svg></div>
            <div class="times">\(labels)</div></figure>

            """
    }

    private var grid: HTMLText {
        ["0", "50", "100"].map { "<path class=\"grid\" d=\"M0 \($0)H\(spans * 4)\"/>" as HTMLText }.joined
    }

    private var shapes: HTMLText {
        let paths = form == .stackedBars ? stackedBars() : series.map { line($0) }
        return paths.enumerated().map { index, path -> HTMLText in
            path.isEmpty ? "" : "<path class=\"\(form == .lines ? "line" : "bar") k\(index + 1)\" d=\"\(path)\"/>"
        }.joined
    }

    private func stackedBars() -> [String] {
        var base = Array(repeating: 0.0, count: spans)
        return series.map { one in
            var path = ""
            for (span, value) in one.values.enumerated() {
                guard let value, value > 0 else { continue }
                let low = y(base[span])
                base[span] += value
                let high = y(base[span])
                path += "M\(span * 4) \(Self.short(low))V\(Self.short(high))h3.4V\(Self.short(low))z"
            }
            return path
        }
    }

    /// A span without a value interrupts the line.
    private func line(_ one: Series) -> String {
        var path = ""
        var isDrawing = false
        for (span, value) in one.values.enumerated() {
            guard let value else {
                isDrawing = false
                continue
            }
            path += "\(isDrawing ? "L" : "M")\(span * 4) \(Self.short(y(value)))h3.4"
            isDrawing = true
        }
        return path
    }

    private func y(_ value: Double) -> Double { Self.height - Self.height * min(value / top, 1) }

    private static func round(up value: Double) -> Double {
        guard value > 0, value.isFinite else { return 1 }
        var step = 1e-3
        while step < 1e18 {
            for factor in [1.0, 2, 4, 5] where step * factor >= value { return step * factor }
            step *= 10
        }
        return value
    }

    private static func short(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? String(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
    }
}
