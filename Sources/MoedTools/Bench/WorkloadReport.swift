package import MoedCore
import MoedHost
import MoedLocal

/// Workload measurements, as a table and as JSON.
package struct WorkloadReport: Sendable {
    package var model: String
    package var threads: Int
    package var sequences: Int
    package var runs: [(admission: Admission, passes: [WorkloadRun])]

    package init(
        model: String, threads: Int, sequences: Int, runs: [(admission: Admission, passes: [WorkloadRun])]
    ) {
        self.model = model
        self.threads = threads
        self.sequences = sequences
        self.runs = runs
    }

    package var lines: [String] {
        var table = TextTable(header: [
            "admission", "jobs/s", "spread", "tokens/s", "seconds", "sweeps", "sequences a sweep",
            "mean turnaround s",
        ])
        for (admission, passes) in runs {
            guard let first = passes.first else { continue }
            let seconds = Sample(passes.map(\.seconds))
            table.add([
                admission.rawValue, HumanText.figure(Double(first.jobs) / seconds.median),
                HumanText.percent(seconds.spread),
                HumanText.figure(Double(first.generatedTokens) / seconds.median),
                HumanText.figure(seconds.median), "\(first.sweeps)", HumanText.figure(first.meanRunning),
                HumanText.figure(Sample(passes.map(\.meanTurnaround)).median),
            ])
        }
        var lines = ["\(model), \(threads) threads, \(sequences) sequences"]
        if let first = runs.first?.passes.first {
            lines.append(
                "\(first.jobs) jobs, \(first.promptTokens) prompt and \(first.generatedTokens) new tokens")
        }
        lines += [""] + table.lines
        if let ratio { lines += ["", "grouped / first-come: \(HumanText.figure(ratio)) × jobs/s"] }
        return lines
    }

    /// Job rate of grouped over first-come admission: the median of the passes' ratios.
    package var ratio: Double? {
        guard let grouped = runs.first(where: { $0.admission == .grouped })?.passes,
            let first = runs.first(where: { $0.admission == .firstCome })?.passes, !grouped.isEmpty,
            grouped.count == first.count
        else { return nil }
        return Sample(zip(grouped, first).map { $1.seconds / $0.seconds }).median
    }

    package var json: JSONValue {
        let admissions = runs.map { admission, passes -> JSONValue in
            .object(
                JSONObject([
                    ("admission", .string(admission.rawValue)),
                    (
                        "passes",
                        .array(
                            passes.map { pass in
                                [
                                    "seconds": .double(pass.seconds),
                                    "jobs_per_second": .double(Double(pass.jobs) / pass.seconds),
                                    "tokens_per_second": .double(Double(pass.generatedTokens) / pass.seconds),
                                    "jobs": .integer(Int64(pass.jobs)),
                                    "prompt_tokens": .integer(Int64(pass.promptTokens)),
                                    "generated_tokens": .integer(Int64(pass.generatedTokens)),
                                    "sweeps": .integer(Int64(pass.sweeps)),
                                    "mean_running": .double(pass.meanRunning),
                                    "mean_turnaround_seconds": .double(pass.meanTurnaround),
                                ]
                            })
                    ),
                ]))
        }
        return [
            "model": .string(model), "threads": .integer(Int64(threads)), "sequences": .integer(Int64(sequences)),
            "admissions": .array(admissions), "grouped_over_first_come": ratio.map { .double($0) } ?? .null,
        ]
    }
}
