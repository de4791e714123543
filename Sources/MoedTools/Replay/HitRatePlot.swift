import MoedHost

/// SVG plot of hit rate by cache size.
package struct HitRatePlot {
    package struct Curve {
        package var name: String
        /// Cache size in percent of the experts, and hit rate 0…1.
        package var points: [(share: Double, rate: Double)]

        package init(name: String, points: [(share: Double, rate: Double)]) {
            self.name = name
            self.points = points
        }
    }

    package var curves: [Curve]

    package init(curves: [Curve]) { self.curves = curves }

    private static let colours = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"]
    private static let (width, height, margin) = (640.0, 420.0, 50.0)

    private static func x(_ share: Double) -> String { text(margin + share / 100 * (width - 2 * margin)) }
    private static func y(_ rate: Double) -> String { text(height - margin - rate * (height - 2 * margin)) }
    private static func text(_ value: Double) -> String { String(HumanText.rounded(value, digits: 1)) }

    package var svg: String {
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 420\" font-family=\"sans-serif\" "
                + "font-size=\"12\">", "<rect width=\"640\" height=\"420\" fill=\"white\"/>",
            "<text x=\"320\" y=\"24\" text-anchor=\"middle\">hit rate by cache size</text>",
            "<text x=\"320\" y=\"408\" text-anchor=\"middle\">experts in memory, %</text>",
        ]
        for tick in stride(from: 0, through: 100, by: 20) {
            let (share, rate) = (Double(tick), Double(tick) / 100)
            lines += [
                "<line x1=\"\(Self.x(0))\" y1=\"\(Self.y(rate))\" x2=\"\(Self.x(100))\" y2=\"\(Self.y(rate))\" "
                    + "stroke=\"#ddd\"/>",
                "<text x=\"44\" y=\"\(Self.y(rate))\" text-anchor=\"end\">\(tick) %</text>",
                "<text x=\"\(Self.x(share))\" y=\"386\" text-anchor=\"middle\">\(tick)</text>",
            ]
        }
        for (index, curve) in curves.enumerated() {
            let colour = Self.colours[index % Self.colours.count]
            let points = curve.points.map { "\(Self.x($0.share)),\(Self.y($0.rate))" }
            let top = 60 + 18 * index
            lines += [
                "<polyline points=\"\(points.joined(separator: " "))\" fill=\"none\" stroke=\"\(colour)\" "
                    + "stroke-width=\"2\"/>",
                "<text x=\"60\" y=\"\(top)\" fill=\"\(colour)\">\(curve.name)</text>",
            ]
        }
        return (lines + ["</svg>", ""]).joined(separator: "\n")
    }
}
