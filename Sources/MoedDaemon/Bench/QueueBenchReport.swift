package import MoedCore

/// What `moed bench --queue` found, beside what is aimed at on two cores.
package struct QueueBenchReport: Sendable {
    package struct Flow: Sendable {
        package var jobsPerSecond: Double
        /// Of all tables a job has rows in, after the first portion and after the last.
        package var firstBytes: Int
        package var lastBytes: Int
    }

    package var jobs: Int
    package var hold: Duration
    /// All times in seconds.
    package var wakeup: Sample
    package var claim: Sample
    package var heldClaim: Sample
    package var complete: Sample
    package var enqueueRate: Double
    package var rowEnqueueRate: Double
    package var flow: Flow
    package var databaseShare: Double

    package var growth: Double { Double(flow.lastBytes) / Double(max(1, flow.firstBytes)) }

    package var lines: [String] {
        var table = TextTable(header: ["", "p50", "p99", "aim", "samples"])
        func times(_ name: String, _ sample: Sample, _ aim: String) {
            table.add([
                name, milliseconds(sample.median), milliseconds(sample.quantile(0.99)), aim,
                "\(sample.values.count)",
            ])
        }
        times("enqueue → claimed, idle worker, ms", wakeup, "5 / 20")
        times("look and claim 64 of \(jobs), ms", claim, "– / 5")
        times("the same, transactions held \(Int(hold.seconds)) s, ms", heldClaim, "– / 10")
        times("complete 64, ms", complete, "– / 15")
        var rates = TextTable(header: ["", "measured", "aim"])
        rates.add([
            "moed.enqueue_many, rows/s (bodies of 1 KB)", TextTable.figure(enqueueRate), "≥ 20000",
        ])
        rates.add([
            "jobs without work, jobs/s (one worker, 64 at a time)", TextTable.figure(flow.jobsPerSecond),
            "≥ 2000",
        ])
        rates.add(["tables after all jobs flowed through, × after a fifth", TextTable.figure(growth), "≤ 3"])
        rates.add([
            "database, part of the time of 32 jobs a second", "\(TextTable.figure(databaseShare * 100)) %",
            "–",
        ])
        return table.lines + [""] + rates.lines
    }

    package var json: JSONValue {
        let times = [
            ("wakeup", wakeup), ("claim", claim), ("held_claim", heldClaim), ("complete", complete),
        ].map { name, sample in
            (
                name,
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
                    ("growth", .double(growth)), ("database_share", .double(databaseShare)),
                ]))
    }

    private func milliseconds(_ seconds: Double) -> String { TextTable.figure(seconds * 1000) }
}
