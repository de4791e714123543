import MoedCore
import MoedLocal
import MoedHost
import MoedQueue
import MoedTools

/// `moed bench --queue`: measures the queue's speed on the user's own PostgreSQL, without a model.
package struct QueueBench: Sendable {
    package struct Options: Sendable {
        /// Connection string of the server. The measurements create a database of their own on it.
        package var database: String
        /// Number of queued jobs; as many pass through the queue in the flow measurement.
        package var jobs: Int
        /// Duration for which transactions are held open.
        package var hold: Duration
        /// Numbers of workers that share the queue, one measurement each.
        package var workers: [Int] = []

        package init(database: String, jobs: Int, hold: Duration) {
            self.database = database
            self.jobs = jobs
            self.hold = hold
        }
    }

    private static let batch = 64
    private static let rowsPerEnqueue = 10_000
    private static let bodyBytes = 1000
    private static let tenants = ["a", "b", "c", "d", "e"]
    /// Jobs claimed per second while a transaction is held.
    private static let heldRate = 200.0

    private let options: Options
    private let database: RehearsalDatabase
    private let worker: SimulatedWorker
    private let show: @Sendable (String) -> Void
    private let clock = ContinuousClock()

    /// Measures and prints the report.
    package static func run(_ options: Options, asJSON: Bool) async throws {
        let meter = BenchMeter()
        let report = try await StopSignals.watch { try await measure(options) { meter.show($0) } }
        meter.show("")
        try Bench.print(report.lines, report.json, asJSON: asJSON)
    }

    package static func measure(
        _ options: Options, show: @escaping @Sendable (String) -> Void
    ) async throws -> QueueBenchReport {
        try await RehearsalDatabase.using(options.database) { database in
            let worker = try await SimulatedWorker.start(in: database)
            defer { Task { await worker.vanish() } }
            return try await QueueBench(options: options, database: database, worker: worker, show: show)
                .measure()
        }
    }

    private func measure() async throws -> QueueBenchReport {
        let count = min(1000, options.jobs)
        let wakeup = try await worker.timesToWake(count, in: database) { index in
            if index % 100 == 0 { show("waking up, \(index) of \(count)") }
        }
        let flow = try await flow()
        var scales: [QueueBenchReport.Scale] = []
        for count in options.workers { scales.append(try await scale(count)) }
        show("enqueueing \(options.jobs) jobs")
        let rowEnqueueRate = try await rowEnqueueRate(min(20_000, options.jobs))
        let enqueueRate = try await enqueue(options.jobs)
        show("claiming of \(options.jobs)")
        let commit = try await commits(200)
        let quiet = try await claims(min(1000, options.jobs / Self.batch / 4))
        let shares = [try await share(of: 1), try await share(of: 32)]
        show("claiming while transactions are held")
        let transactions = try await HeldTransactions.begin(in: database)
        let held = try await worker.serve(rate: Self.heldRate, batch: Self.batch, for: options.hold).times
        await transactions.end()
        var report = QueueBenchReport(
            jobs: options.jobs, hold: options.hold, wakeup: wakeup, commit: commit, quiet: quiet, held: held,
            enqueueRate: enqueueRate, rowEnqueueRate: rowEnqueueRate, flow: flow, databaseShares: shares)
        report.scales = scales
        return report
    }

    private func seconds(_ body: () async throws -> Void) async rethrows -> Double {
        try await clock.measure(body).seconds
    }

    /// Rows per second by `INSERT INTO moed.jobs … SELECT`.
    private func rowEnqueueRate(_ jobs: Int) async throws -> Double {
        let time = try await seconds {
            try await database.enqueue(jobs, tenants: Self.tenants, padding: Self.bodyBytes)
        }
        return Double(jobs) / time
    }

    /// Rows per second by `moed.enqueue_many`. Tenants alternate. The bodies are made before the measurement.
    private func enqueue(_ jobs: Int) async throws -> Double {
        let rows = min(jobs, Self.rowsPerEnqueue)
        try await database.makeBodies(rows, padding: Self.bodyBytes)
        var done = 0
        let time = try await seconds {
            while done < jobs {
                try await database.enqueueBodies(tenant: Self.tenants[done / rows % Self.tenants.count])
                done += rows
            }
        }
        return Double(done) / time
    }

    /// Durations of a statement that changes one row. The disk dominates them.
    private func commits(_ count: Int) async throws -> Sample {
        var times: [Double] = []
        for _ in 0..<count { times.append(try await seconds { try await worker.beat(idle: false) }) }
        return Sample(times)
    }

    private func claims(_ count: Int) async throws -> ClaimTimes {
        var times = ClaimTimes()
        for _ in 0..<max(1, count) { try await worker.serve(batch: Self.batch, looking: true, &times) }
        return times
    }

    /// Jobs per second at which tables must not grow. Autovacuum wakes once a minute, so a faster flow could finish a
    /// fifth of the jobs before it runs.
    static let sustainedRate = 2000.0

    /// Passes all jobs through the queue in five portions: enqueues, claims, completes and prunes. A portion is pruned
    /// after the next one completes. The sustained rate limits the start of each portion.
    private func flow() async throws -> QueueBenchReport.Flow {
        let portion = max(1, options.jobs / 5)
        try await database.makeBodies(portion / Self.tenants.count, padding: Self.bodyBytes)
        var (time, done, firstBytes) = (0.0, 0, 0)
        for round in 0..<5 {
            show("flowing through, \(round * portion) of \(5 * portion)")
            for tenant in Self.tenants { try await database.enqueueBodies(tenant: tenant) }
            let start = clock.now
            time += try await seconds {
                while try await worker.claimNext(limit: Self.batch) > 0 {
                    done += try await worker.completeAll()
                }
                try await worker.maintain()
            }
            if round == 0 { firstBytes = try await database.tableBytes() }
            if round < 4 {
                try await worker.prune(olderThan: clock.now - start)
                try await Task.sleep(
                    until: start + .seconds(Double(portion) / Self.sustainedRate), clock: clock)
            }
        }
        return .init(
            jobsPerSecond: Double(done) / time, firstBytes: firstBytes,
            lastBytes: try await database.tableBytes())
    }

    /// Claims and jobs per second when several workers empty the queue at once, each with a connection of its own.
    private func scale(_ count: Int) async throws -> QueueBenchReport.Scale {
        show("\(count) workers")
        _ = try await enqueue(options.jobs)
        var workers: [SimulatedWorker] = []
        for _ in 0..<count { workers.append(try await SimulatedWorker.start(in: database)) }
        var (claims, jobs) = (0, 0)
        let time = try await seconds {
            try await withThrowingTaskGroup(of: (claims: Int, jobs: Int).self) { group in
                for worker in workers { group.addTask { try await Self.empty(worker) } }
                for try await done in group {
                    claims += done.claims
                    jobs += done.jobs
                }
            }
        }
        for worker in workers { await worker.vanish() }
        try await worker.maintain()
        return QueueBenchReport.Scale(
            workers: count, claimsPerSecond: Double(claims) / time, jobsPerSecond: Double(jobs) / time)
    }

    /// Claims and answers until three polls in a row find no job: others may hold the last ones for an instant.
    private static func empty(_ worker: SimulatedWorker) async throws -> (claims: Int, jobs: Int) {
        var (claims, jobs, misses) = (0, 0, 0)
        while misses < 3 {
            guard try await worker.claimNext(limit: batch) > 0 else {
                misses += 1
                continue
            }
            misses = 0
            claims += 1
            jobs += try await worker.completeAll()
        }
        return (claims, jobs)
    }

    /// Share of a second that the statements for it take, when `jobs` jobs run for one second each.
    private func share(of jobs: Int) async throws -> Double {
        let rounds = max(20, min(200, options.jobs / 200))
        let time = try await seconds {
            for round in 0..<rounds {
                // At most two polls in three seconds.
                if await worker.needsLook || round % 3 != 2 { try await worker.look() }
                _ = try await worker.claimKnown(limit: jobs)
                if round % 10 == 0 { try await worker.checkpointAll(tokens: 64) }
                if round % 5 == 0 { try await worker.beat(idle: false) }
                if round % 2 == 0 { try await worker.maintain() }
                _ = try await worker.stopUnwanted()
                try await worker.completeAll()
            }
        }
        return time / Double(rounds)
    }
}
