package import MoedCore
import MoedHost
package import MoedLocal
import MoedTools

/// Measurements of `moed bench --queue` beside the goals for two cores.
package struct QueueBenchReport: Sendable {
    package struct Flow: Sendable {
        package var jobsPerSecond: Double
        /// Bytes of all tables that hold a job's rows after the first portion; `lastBytes` after the last.
        package var firstBytes: Int
        package var lastBytes: Int
    }

    /// Several workers that empty the queue at once.
    package struct Scale: Sendable {
        package var workers: Int
        package var claimsPerSecond: Double
        package var jobsPerSecond: Double
    }

    package var scales: [Scale] = []
    package var jobs: Int
    package var hold: Duration
    /// Seconds from enqueueing to claiming with an idle worker.
    package var wakeup: Sample
    /// Seconds for a change of one row.
    package var commit: Sample
    package var quiet: ClaimTimes
    package var held: ClaimTimes
    package var enqueueRate: Double
    package var rowEnqueueRate: Double
    package var flow: Flow
    /// Share of the time that statements take when 1 and 32 jobs run at once, each for a second.
    package var databaseShares: [Double]

    package var growth: Double { Double(flow.lastBytes) / Double(max(1, flow.firstBytes)) }

    /// All timed steps: JSON key, label, sample in seconds, goals for p50 and p99 in milliseconds.
    package var times: [(key: String, name: String, sample: Sample, aim: String)] {
        let held = "transactions held \(Int(hold.seconds)) s"
        return [
            ("commit", "a change of one row", commit, "–"),
            ("wakeup", "enqueue → claimed, idle worker", wakeup, "5 / 20"),
            ("look", "look at \(jobs) queued", Sample(quiet.look), "–"),
            ("claim", "claim 64 of them", Sample(quiet.claim), "– / 5"),
            ("complete", "complete 64", Sample(quiet.complete), "– / 15"),
            ("held_look", "look, \(held)", Sample(self.held.look), "–"),
            ("held_claim", "claim 64, \(held)", Sample(self.held.claim), "– / 10"),
            ("held_complete", "complete 64, \(held)", Sample(self.held.complete), "–"),
        ]
    }

    package var lines: [String] {
        var table = TextTable(header: ["ms", "p50", "p99", "aim", "samples"])
        for (_, name, sample, aim) in times {
            table.add([
                name, milliseconds(sample.median), milliseconds(sample.quantile(0.99)), aim,
                "\(sample.values.count)",
            ])
        }
        var rates = TextTable(header: ["", "measured", "aim"])
        rates.add([
            "moed.enqueue_many, rows/s (bodies of 1 KB)", HumanText.figure(enqueueRate), "≥ 20000",
        ])
        rates.add(["INSERT INTO moed.jobs … SELECT, rows/s", HumanText.figure(rowEnqueueRate), "–"])
        rates.add([
            "jobs without work, jobs/s (one worker, 64 at a time)", HumanText.figure(flow.jobsPerSecond),
            "≥ 2000",
        ])
        rates.add([
            "tables after all jobs flowed through, \(Int(QueueBench.sustainedRate))/s at most, × after a fifth",
            HumanText.figure(growth), "≤ 3",
        ])
        for (jobs, share) in zip([1, 32], databaseShares) {
            rates.add([
                "database, part of the time of \(jobs) jobs at a time, 1 s each",
                "\(HumanText.figure(share * 100)) %", "≤ 0.5 %",
            ])
        }
        return table.lines + [""] + rates.lines + (scales.isEmpty ? [] : [""] + scaleTable.lines)
    }

    private var scaleTable: TextTable {
        var table = TextTable(header: ["workers", "claims/s", "jobs/s"])
        for scale in scales {
            table.add([
                "\(scale.workers)", HumanText.figure(scale.claimsPerSecond), HumanText.figure(scale.jobsPerSecond),
            ])
        }
        return table
    }

    private var scaleList: JSONValue {
        .array(
            scales.map {
                [
                    "workers": .integer(Int64($0.workers)), "claims_per_s": .double($0.claimsPerSecond),
                    "jobs_per_s": .double($0.jobsPerSecond),
                ]
            })
    }

    package var json: JSONValue {
        let times = times.map { key, _, sample, _ in
            (
                key,
                JSONValue.object(
                    JSONObject([
                        ("p50_ms", .double(sample.median * 1000)),
                        ("p99_ms", .double(sample.quantile(0.99) * 1000)),
                        ("samples", .integer(Int64(sample.values.count))),
                    ]))
            )
        }
        return .object(
            JSONObject(
                [("jobs", .integer(Int64(jobs))), ("hold_s", .double(hold.seconds))] + times + [
                    ("enqueue_rows_per_s", .double(enqueueRate)),
                    ("row_enqueue_rows_per_s", .double(rowEnqueueRate)),
                    ("jobs_per_s", .double(flow.jobsPerSecond)),
                    ("growth", .double(growth)), ("database_share_1", .double(databaseShares[0])),
                    ("database_share_32", .double(databaseShares[1])), ("workers", scaleList),
                ]))
    }

    private func milliseconds(_ seconds: Double) -> String { HumanText.figure(seconds * 1000) }
}
