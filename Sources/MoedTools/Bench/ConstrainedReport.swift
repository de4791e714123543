package import MoedCore
import MoedHost
package import MoedLocal

/// Masks and sweeps of `moed bench --constrained`, as a table and as JSON.
package struct ConstrainedReport: Sendable {
    package var model: String
    package var threads: Int
    package var sequences: Int
    package var vocabulary: Int
    /// Microseconds of the masks of each constraint.
    package var masks: [(name: String, microseconds: Sample)]
    /// Seconds of a sweep.
    package var free: Sample
    package var constrained: Sample

    /// All masks together.
    private var all: Sample { Sample(masks.flatMap(\.microseconds.values)) }

    /// Throughput with constraints as a part of that without.
    package var ratio: Double { free.median / constrained.median }

    package var lines: [String] {
        var table = TextTable(header: ["masks of", "number", "median µs", "p90", "p99", "most"])
        for (name, sample) in masks + [("all", all)] {
            table.add(
                [name, "\(sample.values.count)"]
                    + [sample.median, sample.quantile(0.9), sample.quantile(0.99), sample.most].map(HumanText.figure))
        }
        var sweeps = TextTable(header: ["sweeps", "tokens/s", "ms", "spread"])
        for (name, sample) in [("free", free), ("constrained", constrained)] {
            sweeps.add([
                name, HumanText.figure(Double(sequences) / sample.median), HumanText.figure(sample.median * 1000),
                HumanText.percent(sample.spread),
            ])
        }
        return ["\(model), \(threads) threads, \(sequences) sequences, \(vocabulary) tokens", ""] + table.lines + [""]
            + sweeps.lines + ["", "constrained / free: \(HumanText.percent(ratio)) of the tokens/s"]
    }

    package var json: JSONValue {
        func masks(_ name: String, _ sample: Sample) -> JSONValue {
            [
                "constraint": .string(name), "masks": .integer(Int64(sample.values.count)),
                "median_us": .double(sample.median), "p90_us": .double(sample.quantile(0.9)),
                "p99_us": .double(sample.quantile(0.99)), "most_us": .double(sample.most),
            ]
        }
        return [
            "model": .string(model), "threads": .integer(Int64(threads)), "sequences": .integer(Int64(sequences)),
            "vocabulary": .integer(Int64(vocabulary)),
            "masks": .array((self.masks + [("all", all)]).map { masks($0.name, $0.microseconds) }),
            "free_seconds": .array(free.values.map { .double($0) }),
            "constrained_seconds": .array(constrained.values.map { .double($0) }),
            "constrained_over_free": .double(ratio),
        ]
    }
}
