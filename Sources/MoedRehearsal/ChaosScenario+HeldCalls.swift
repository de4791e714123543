import MoedCore
import MoedHost
import MoedPostgres
import MoedQueue

/// A transaction stays open over each function that a client may call, and the others are as fast as without it.
extension ChaosScenario {
    static let heldCalls = ChaosScenario(
        "T28", "transactions are held over every function of clients, beside one worker and two; size: seconds",
        size: 600
    ) { trial in
        let missing = HeldCall.missing
        await trial.check(missing.isEmpty, "no call is tried of moed.\(missing.joined(separator: ", moed."))")
        for count in 1...2 { try await holdEveryCall(trial, workers: count) }
        try await trial.database.endHeldJobs()
        try await trial.drain()
        let lost = try await trial.database.count("SELECT count(*) AS value FROM moed.job WHERE finished_at IS NULL")
        let failed = try await trial.database.count(
            "SELECT count(*) AS value FROM moed.jobs WHERE tenant = 'free' AND state <> 'succeeded'")
        await trial.check(
            lost + failed == 0, "\(lost) jobs have not ended, \(failed) of the other tenant did not succeed")
    }

    private static func holdEveryCall(_ trial: ChaosTrial, workers count: Int) async throws {
        let database = trial.database
        let holder = try await database.makeHeldJobs()
        let workers = try (0..<count).map { _ in
            try WholeWorker(in: database, room: 8, drains: false, lease: .seconds(4))
        }
        let running = workers.map { worker in Task { try await worker.run() } }
        let others = try await OtherTenant.start(in: database)
        var (free, beside) = (OtherTenant.Times(), OtherTenant.Times())
        let each = Duration.seconds(Double(trial.size) / Double(2 * HeldCall.all.count))
        for (index, call) in HeldCall.all.enumerated() {
            let number = index + count * HeldCall.all.count
            try await others.work(for: each / 2, "alone \(number)", &free)
            beside.add(
                try await timesBeside(call.statement(number), database, limits: free) { times in
                    try await others.work(for: each, "\(number)", &times)
                })
        }
        for (what, seconds) in beside.longest.sorted(by: { $0.key < $1.key }) {
            // A machine that is slow without open transactions is as slow beside them.
            let delay = seconds - (free.longest[what] ?? 0)
            await trial.check(delay <= 1, "open transactions delayed \(what) of others by \(HumanText.figure(delay)) s")
        }
        await trial.note(
            "\(count) workers, \(beside.rounds) rounds beside open transactions: \(beside) (without: \(free))")
        await trial.check(try await others.finish() > 0, "the measuring worker never had a job")
        let completed = try await holder.completeAll()
        await trial.check(completed == 10, "\(completed) of 10 results of the held tenant were written")
        await holder.vanish()
        for worker in workers { await worker.stop() }
        for task in running { try await task.value }
        await checkNobodyDied(trial)
    }

    /// Times of steps beside an open transaction.
    ///
    /// A lock delays a step in each transaction, a busy machine now and then: steps that took a second more than
    /// `limits` are measured again beside a new one. The shortest times count.
    private static func timesBeside(
        _ statement: String, _ database: RehearsalDatabase, limits: OtherTenant.Times,
        _ work: (inout OtherTenant.Times) async throws -> Void
    ) async throws -> OtherTenant.Times {
        var shortest: OtherTenant.Times?
        for _ in 0..<5 where shortest.map({ $0.exceeds(limits, by: 1) }) ?? true {
            let held = try await database.hold(statement)
            var times = OtherTenant.Times()
            try await work(&times)
            await held.close()
            if let before = shortest { times.keepShorter(of: before) }
            shortest = times
        }
        return shortest ?? OtherTenant.Times()
    }
}

/// Another tenant's client and a worker of its own, which measure each of their steps.
private struct OtherTenant {
    struct Times: CustomStringConvertible {
        /// Longest duration of each step in seconds.
        var longest: [String: Double] = [:]
        var rounds = 0

        @discardableResult
        mutating func measure<R>(_ what: String, _ body: () async throws -> R) async rethrows -> R {
            let start = ContinuousClock.now
            let result = try await body()
            longest[what] = max(longest[what] ?? 0, (ContinuousClock.now - start).seconds)
            return result
        }

        /// Takes what another measurement has in addition.
        mutating func add(_ other: Times) {
            longest.merge(other.longest, uniquingKeysWith: max)
            rounds += other.rounds
        }

        /// Takes the shorter time of each step.
        mutating func keepShorter(of other: Times) {
            longest.merge(other.longest, uniquingKeysWith: min)
            rounds += other.rounds
        }

        func exceeds(_ limits: Times, by seconds: Double) -> Bool {
            longest.contains { $0.value - (limits.longest[$0.key] ?? 0) > seconds }
        }

        var description: String {
            longest.sorted { $0.key < $1.key }.map { "\($0.key) \(HumanText.figure($0.value)) s" }
                .joined(separator: ", ")
        }
    }

    /// Calls with names that held transactions use as well, in the opposite order.
    private static func calls(_ name: String) -> [SQL] {
        [
            "SELECT moed.enqueue('job', tenant => 'free')",
            "SELECT moed.enqueue('q', tenant => \(name + " newer")), moed.enqueue('q', tenant => \(name + " new"))",
            "SELECT moed.enqueue_many(ARRAY['{\"model\":\"newer\"}']::json[], tenant => 'free-batch')",
            "SELECT moed.cancel_jobs(tenant => 'free-batch')",
        ]
    }

    private let database: RehearsalDatabase
    private let worker: SimulatedWorker

    static func start(in database: RehearsalDatabase) async throws -> OtherTenant {
        OtherTenant(database: database, worker: try await SimulatedWorker.start(in: database))
    }

    /// - Parameter name: begins the names of tenants that the client adds.
    func work(for duration: Duration, _ name: String, _ times: inout Times) async throws {
        let end = ContinuousClock.now + duration
        repeat { try await round(name, &times) } while ContinuousClock.now < end
    }

    private func round(_ name: String, _ times: inout Times) async throws {
        times.rounds += 1
        try await times.measure("enqueues") { try await database.enqueue(6, tenants: ["free"]) }
        _ = try await times.measure("claims") { try await worker.claimNext(limit: 2) }
        try await times.measure("checkpoints") { try await worker.checkpointAll(tokens: 1) }
        let newcomer = try await times.measure("registrations") { try await SimulatedWorker.start(in: database) }
        try await database.retire(newcomer)
        let isAlive = try await times.measure("beats") { try await worker.beat(idle: false) }
        guard isAlive else { throw ConfigurationProblem("the measuring worker was declared dead") }
        _ = try await times.measure("results") { try await worker.completeAll() }
        try await times.measure("maintenance") { try await worker.maintain() }
        for call in Self.calls(name) { _ = try await times.measure("calls") { try await database.run(call) } }
        _ = try await times.measure("jobs") { try await database.secondsUntilDone(tenant: "free") }
    }

    /// - Returns: number of jobs that the measuring worker has ended.
    func finish() async throws -> Int {
        _ = try await worker.completeAll()
        await worker.vanish()
        return try await database.count(
            "SELECT count(*) AS value FROM moed.job_attempt WHERE worker_id = \(worker.id.rawValue)")
    }
}

extension RehearsalDatabase {
    /// Jobs of tenant `held` in all states. Those that wait are paused, so that they stay.
    ///
    /// - Returns: the worker that runs ten of them.
    fileprivate func makeHeldJobs() async throws -> SimulatedWorker {
        _ = try await run("SELECT moed.resume('tenant', name) FROM moed.tenant WHERE name = 'held'")
        try await enqueue(40, tenants: ["held"])
        let holder = try await SimulatedWorker.start(in: self)
        var claimed = 0
        while claimed < 10 { claimed += try await holder.claimNext(limit: 10 - claimed) }
        _ = try await run("SELECT moed.pause('tenant', 'held')")
        _ = try await run("SELECT moed.enqueue('later', tenant => 'held', run_at => now() + interval '1 h')")
        _ = try await run(
            "SELECT moed.import_batch('held', '{\"custom_id\":\"1\",\"body\":{\"messages\":[]}}', tenant => 'held')")
        return holder
    }

    fileprivate func endHeldJobs() async throws(QueueError) {
        _ = try await run("SELECT moed.cancel_jobs(enqueued_before => now())")
        _ = try await run("SELECT moed.resume('tenant', 'held')")
    }

    /// Ends a worker that has no job.
    fileprivate func retire(_ worker: SimulatedWorker) async throws(QueueError) {
        await worker.vanish()
        _ = try await run(
            "UPDATE moed.worker SET stopped_at = clock_timestamp() WHERE id = \(worker.id.rawValue)")
    }
}
