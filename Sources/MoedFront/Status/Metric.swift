/// Metric for Prometheus' text format (version 0.0.4).
package struct Metric: Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// A value that only grows while the process lives.
        case counter
        case gauge
        /// Values counted by upper bounds, with their sum.
        case histogram
    }

    package struct Sample: Sendable, Equatable {
        package var labels: [(name: String, value: String)]
        package var value: Double
        /// End of the name: `_bucket`, `_sum` and `_count` of a histogram.
        var suffix = ""

        package init(_ value: Double, _ labels: [(name: String, value: String)] = []) {
            self.labels = labels
            self.value = value
        }

        /// The samples of a histogram.
        ///
        /// - Parameters:
        ///   - bounds: upper bounds of the classes, ascending.
        ///   - counts: number of values of each class; the last one takes all greater values.
        package static func histogram(
            bounds: [Double], counts: [Int], sum: Double, _ labels: [(name: String, value: String)] = []
        ) -> [Sample] {
            var total = 0
            var samples: [Sample] = []
            for (place, count) in counts.enumerated() {
                total += count
                let bound = place < bounds.count ? PrometheusText.number(bounds[place]) : "+Inf"
                samples.append(Sample(Double(total), labels + [("le", bound)], suffix: "_bucket"))
            }
            return samples + [Sample(sum, labels, suffix: "_sum"), Sample(Double(total), labels, suffix: "_count")]
        }

        private init(_ value: Double, _ labels: [(name: String, value: String)], suffix: String) {
            self.init(value, labels)
            self.suffix = suffix
        }

        package static func == (a: Sample, b: Sample) -> Bool {
            a.value == b.value && a.suffix == b.suffix && a.labels.elementsEqual(b.labels) { $0 == $1 }
        }
    }

    /// Name by Prometheus' conventions: base units, and counters end with `_total`.
    package var name: String
    package var kind: Kind
    package var help: String
    package var samples: [Sample]

    package init(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }

    package init(_ name: String, _ kind: Kind, _ help: String, _ value: some BinaryInteger) {
        self.init(name, kind, help, [Sample(Double(value))])
    }

    package init(_ name: String, _ kind: Kind, _ help: String, seconds: Duration) {
        let (whole, atto) = seconds.components
        self.init(name, kind, help, [Sample(Double(whole) + Double(atto) * 1e-18)])
    }
}

/// Encoder of metrics in Prometheus' text format.
package enum PrometheusText {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package static func encode(_ metrics: [Metric]) -> String {
        var text = ""
        for metric in metrics where !metric.samples.isEmpty {
            text += "# HELP \(metric.name) \(escaped(metric.help, quotes: false))\n"
            text += "# TYPE \(metric.name) \(metric.kind.rawValue)\n"
            for sample in metric.samples {
                text += "\(metric.name)\(sample.suffix)\(labels(sample.labels)) \(number(sample.value))\n"
            }
        }
        return text
    }

    private static func labels(_ labels: [(name: String, value: String)]) -> String {
        guard !labels.isEmpty else { return "" }
        let pairs = labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }
        return "{\(pairs.joined(separator: ","))}"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    fileprivate static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}
