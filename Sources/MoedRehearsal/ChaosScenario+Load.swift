import MoedHost
import MoedLocal
import MoedQueue

/// Scenarios of long load: tables that vacuum cannot clean, and tables that only grow.
extension ChaosScenario {
    private static let rate = 200.0
    /// T25: jobs per second. `retention` is the age at which ended jobs are pruned.
    private static let flowRate = 400.0
    private static let retention = Duration.seconds(120)

    static let load: [ChaosScenario] = [
        ChaosScenario(
            "T10", "transactions are held open beside 200 jobs a second; size: seconds", size: 600,
            leastSize: 2
        ) { trial in
            let worker = try await SimulatedWorker.start(in: trial.database)
            let duration = Duration.seconds(trial.size)
            try await trial.fill(Int(rate * Double(trial.size) * 1.2) + 128)
            let before = try await worker.serve(rate: rate, batch: 64, for: duration / 10)
            let held = try await HeldTransactions.begin(in: trial.database)
            let beside = try await worker.serve(rate: rate, batch: 64, for: duration)
            await held.end()
            let part = Double(beside.jobs) / (rate * Double(trial.size))
            let served = "\(HumanText.percent(part)) of the jobs were served in time"
            // A busy machine may stall for a second. A run of a few seconds only proves that jobs are still answered.
            await trial.check(trial.size < 60 ? beside.jobs > 0 : part >= 0.95, served)
            await trial.note(served)
            for (name, times) in [("before", before.times), ("beside", beside.times)] {
                let sample = Sample(times.claim)
                await trial.note(
                    """
                    claim of 64 \(name): p50 \(HumanText.figure(sample.median * 1000)) ms, \
                    p99 \(HumanText.figure(sample.quantile(0.99) * 1000)) ms
                    """)
            }
            await worker.vanish()
        },
        ChaosScenario(
            "T25", "400 jobs a second flow through and are pruned; size: jobs", size: 200_000,
            leastSize: 1000
        ) { trial in
            let worker = try await SimulatedWorker.start(in: trial.database)
            let portion = max(100, trial.size / 100)
            let length = Duration.seconds(Double(portion) / flowRate)
            var (bytes, memory, done): ([Int], [Int], Int) = ([], [], 0)
            for _ in 0..<(trial.size / portion) {
                try await trial.fill(portion)
                done += try await worker.serve(rate: flowRate, batch: 64, for: length).jobs
                try await worker.prune(olderThan: retention)
                bytes.append(try await trial.database.tableBytes())
                memory.append(HostMemory.resident)
            }
            while try await worker.claimNext(limit: 64) > 0 { done += try await worker.completeAll() }
            await worker.vanish()
            await trial.check(done == trial.size, "\(done) of \(trial.size) jobs were answered")
            let live = try await trial.database.compactedTableBytes()
            await trial.checkFlat("tables", bytes)
            await trial.checkFlat("resident memory", memory)
            let ratio = Double(bytes.max() ?? 0) / Double(max(1, live))
            await trial.note("tables at most \(HumanText.figure(ratio)) × what is live")
            await trial.check(
                trial.size < 100_000 || ratio <= 3, "tables \(HumanText.figure(ratio)) × what is live")
        },
    ]
}

extension ChaosTrial {
    /// Enqueues `jobs` jobs.
    fileprivate func fill(_ jobs: Int) async throws {
        let portion = min(jobs, 10_000)
        try await database.makeBodies(portion, padding: 1000)
        for _ in 0..<(jobs / portion) { try await database.enqueueBodies(tenant: "default") }
        guard jobs % portion > 0 else { return }
        try await database.makeBodies(jobs % portion, padding: 1000)
        try await database.enqueueBodies(tenant: "default")
    }

    /// In a long run, checks that the last quarter's maximum is at most 5 % above that of the quarter before.
    fileprivate func checkFlat(_ name: String, _ values: [Int]) {
        let quarter = values.count / 4
        guard let last = values.suffix(quarter).max(),
            let before = values.dropLast(quarter).suffix(quarter).max()
        else { return }
        let growth = Double(last) / Double(before) - 1
        note("\(name) \(last / (1 << 20)) MiB, \(HumanText.percent(growth)) more than a quarter before")
        check(size < 100_000 || growth <= 0.05, "\(name) grew by \(HumanText.percent(growth))")
    }
}
