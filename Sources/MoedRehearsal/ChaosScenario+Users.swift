import MoedBatching
import MoedCore
import MoedHost
import MoedLocal
import MoedQueue

/// Scenarios of concurrent users: fair shares, waiting, cancellation, idempotent retries.
extension ChaosScenario {
    static let users: [ChaosScenario] = [
        ChaosScenario(
            "T16", "a late tenant beside a full queue, weights 1:1 and 3:1; size: jobs", size: 10_000,
            leastSize: 1600
        ) { trial in
            let worker = try await SimulatedWorker.start(in: trial.database)
            try await trial.database.enqueue(trial.size, tenants: ["a"])
            await trial.check(
                try await worker.claimNext(limit: 32) == 32, "a tenant that is alone gets all of the room")
            try await trial.database.enqueue(10, tenants: ["b"])
            _ = try await worker.claimNext(limit: 8)
            await trial.check(
                await worker.held.suffix(8).contains { $0.tenant == "b" },
                "the late tenant is in the next claim")
            try await worker.completeAll()
            for weight in [1.0, 3.0] {
                try await trial.database.enqueue(trial.size, tenants: ["c", "d"])
                try await trial.database.setWeight(weight, of: "c")
                var counts = ["c": 0, "d": 0]
                for _ in 0..<(trial.size / 80) {
                    _ = try await worker.claimNext(limit: 16)
                    for job in await worker.held { counts[job.tenant, default: 0] += 1 }
                    try await worker.completeAll()
                    try await worker.maintain()
                }
                let ratio = Double(counts["c"] ?? 0) / Double(max(1, counts["d"] ?? 1))
                await trial.note("\(Int(weight)):1 gave \(HumanText.figure(ratio)):1")
                await trial.check(abs(ratio / weight - 1) <= 0.1, "weights \(weight):1 gave \(ratio):1")
                while try await worker.answerNext(limit: 64) > 0 {}
                // Usage counts for minutes. It is deleted so that the next weight starts from zero.
                try await trial.database.forgetUsage()
            }
            await worker.vanish()
        },
        ChaosScenario("T17", "five old jobs of low priority beside an endless load; size: rounds", size: 200)
        { trial in
            let (clock, maxWait) = (ContinuousClock(), Duration.milliseconds(500))
            let worker = try await SimulatedWorker.start(in: trial.database, maxWait: maxWait)
            try await trial.database.enqueue(5, priority: -10)
            var longest = Duration.zero
            let start = clock.now
            var rounds = 0
            // The load continues until the old jobs have exceeded the maximum wait and could be taken, one per claim.
            while rounds < trial.size || clock.now - start < maxWait * 4 {
                rounds += 1
                try await trial.database.enqueue(16, priority: 5)
                _ = try await worker.claimNext(limit: 8)
                longest = await worker.held.filter { $0.waited > longest }.map(\.waited).max() ?? longest
                try await worker.completeAll()
            }
            await trial.check(
                try await trial.database.waiting(priority: -10) == 0, "an old job was never started")
            await trial.note(
                "the longest wait was \(HumanText.figure(longest.seconds)) s, with a maximum of 0.5 s")
            await worker.vanish()
        },
        ChaosScenario("T18", "jobs are cancelled while they wait and run; size: jobs", size: 2000) { trial in
            try await trial.database.enqueue(trial.size)
            let worker = try await SimulatedWorker.start(in: trial.database)
            var answers: [String: Int] = [:]
            while try await worker.claimNext(limit: 16) > 0 {
                for _ in 0..<6 {
                    let job = JobID(Int64(await trial.pick(1..<trial.size + 1)))
                    answers[try await trial.database.cancel(job), default: 0] += 1
                }
                if let running = await worker.held.first?.id {
                    answers[try await trial.database.cancel(running), default: 0] += 1
                }
                let stopped = try await worker.stopUnwanted()
                await trial.check(stopped > 0, "the worker was not told of a cancelled job")
                try await worker.completeAll()
            }
            await worker.vanish()
            let (done, cancelled) = (
                try await trial.database.jobs("succeeded"), try await trial.database.jobs("cancelled")
            )
            await trial.check(
                done + cancelled == trial.size, "\(trial.size - done - cancelled) jobs have not ended")
            await trial.check(
                try await trial.database.billedAlthoughCancelled() == 0, "a cancelled job was billed")
            await trial.note(
                "\(cancelled) cancelled, \(answers["requested"] ?? 0) of them running, \(done) succeeded")
        },
        ChaosScenario("T22", "a batch goes in, is answered and comes out; size: lines", size: 50_000) {
            trial in
            let batch = try await trial.database.importBatch(lines: trial.size)
            let worker = try await SimulatedWorker.start(in: trial.database)
            for _ in 0..<(trial.size / 128) { try await worker.answerNext(limit: 64) }
            // An export half way contains the ended jobs. The next export contains them again.
            let half = try await trial.database.exportedInOrder(batch)
            while try await worker.answerNext(limit: 64) > 0 {}
            await worker.vanish()
            let whole = try await trial.database.exportedInOrder(batch)
            await trial.check(whole == trial.size, "\(whole) of \(trial.size) lines came out")
            await trial.check(try await trial.database.sumsAgree(batch), "the sums differ")
            await trial.note("\(half) lines exported half way, then \(whole)")
        },
        ChaosScenario("T23", "fifty clients add the same job, half roll back; size: rounds", size: 20) {
            trial in
            for round in 0..<trial.size {
                let key = "key \(round)"
                let answers = try await withThrowingTaskGroup(of: JobID?.self) { group in
                    for client in 0..<50 {
                        group.addTask {
                            let job = try await trial.database.enqueueOnce(key: key, keep: client % 2 == 0)
                            return client % 2 == 0 ? job : nil
                        }
                    }
                    return try await group.reduce(into: Set<JobID>()) { if let job = $1 { $0.insert(job) } }
                }
                let jobs = try await trial.database.jobs(key: key)
                await trial.check(
                    jobs.count == 1 && answers == Set(jobs), "\(jobs.count) jobs, answers \(answers)")
            }
        },
    ]
}
