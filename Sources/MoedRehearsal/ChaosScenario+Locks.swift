import MoedCore
import MoedHost
import MoedPostgres
import MoedQueue

/// Scenarios of transactions that clients, operators and administrators keep open.
extension ChaosScenario {
    static let locks: [ChaosScenario] = [
        ChaosScenario("T26", "transactions stay open beside one worker and two; size: rounds", size: 10) { trial in
            for count in 1...2 { try await serveBesideOpenTransactions(trial, workers: count) }
        },
        ChaosScenario("T27", "a lock holds up all results for longer than a lease; size: repetitions", size: 5) {
            trial in
            let lease = Duration.seconds(2)
            let workers = try (0..<2).map { _ in
                try WholeWorker(in: trial.database, room: 8, drains: false, lease: lease)
            }
            let running = workers.map { worker in Task { try await worker.run() } }
            for _ in 0..<trial.size {
                let held = try await trial.database.hold("LOCK TABLE moed.job_result IN SHARE MODE")
                try await trial.database.enqueue(20)
                try await Task.sleep(for: lease * 2)
                await held.close()
                _ = try await trial.database.secondsUntilDone(tenant: "default")
            }
            for worker in workers { await worker.stop() }
            for task in running { try await task.value }
            await checkNobodyDied(trial)
        },
    ]

    /// Calls on the jobs of tenant `held`, whose transactions stay open.
    private static let openCalls = [
        "SELECT moed.cancel(id) FROM moed.jobs WHERE tenant = 'held'",
        "SELECT moed.enqueue('q', tenant => 'held', model => 'brand-new')",
        "SELECT moed.enqueue('q', tenant => 'held', idempotency_key => 'held')",
        "SELECT moed.prune('0 s')", "SELECT moed.register_model('announced')",
        "SELECT moed.resume('tenant', 'held')", "UPDATE moed.model SET paused_at = NULL",
        "SELECT pg_advisory_lock(x'6d726573'::bigint)",
        "SELECT FROM moed.job j JOIN moed.tenant t ON t.id = j.tenant_id WHERE t.name = 'held' FOR UPDATE OF j",
    ]

    private static func serveBesideOpenTransactions(_ trial: ChaosTrial, workers count: Int) async throws {
        let database = trial.database
        try await database.enqueue(30, tenants: ["held"])
        let holder = try await SimulatedWorker.start(in: database)
        _ = try await holder.claimNext(limit: 10)
        _ = try await database.run("SELECT moed.pause('tenant', 'held')")
        let workers = try (0..<count).map { _ in
            try WholeWorker(in: database, room: 8, drains: false, lease: .seconds(4))
        }
        let running = workers.map { worker in Task { try await worker.run() } }
        var delayMost = 0.0
        for _ in 0..<trial.size {
            for call in openCalls {
                let delay = try await delayBeside(call, database)
                delayMost = max(delayMost, delay)
                await trial.check(
                    delay <= 1,
                    "an open transaction delayed another tenant by \(HumanText.figure(delay)) s: \(call)")
            }
        }
        await trial.note("\(count) workers: transactions delayed others by \(HumanText.figure(delayMost)) s at most")
        let completed = try await holder.completeAll()
        await trial.check(completed == 10, "\(completed) of 10 results were written")
        await holder.vanish()
        _ = try await database.run("SELECT moed.resume('tenant', 'held')")
        for worker in workers { await worker.stop() }
        for task in running { try await task.value }
        await checkNobodyDied(trial)
        try await trial.drain()
    }

    /// Seconds by which an open transaction delays another tenant's jobs.
    ///
    /// A lock delays them each time, a busy machine now and then: a long delay is measured again. The shortest counts.
    private static func delayBeside(_ call: String, _ database: RehearsalDatabase) async throws -> Double {
        var shortest = Double.infinity
        for _ in 0..<5 where shortest > 1 {
            try await database.enqueue(8, tenants: ["free"])
            let free = try await database.secondsUntilDone(tenant: "free")
            let held = try await database.hold(call)
            try await database.enqueue(8, tenants: ["free"])
            let beside = try await database.secondsUntilDone(tenant: "free")
            await held.close()
            shortest = min(shortest, beside - free)
        }
        return max(0, shortest)
    }

    static func checkNobodyDied(_ trial: ChaosTrial) async {
        do {
            let crashes = try await trial.database.crashes()
            await trial.check(crashes == 0, "\(crashes) crashes were booked, and no worker died")
        } catch {
            await trial.failed("\(error)")
        }
    }
}

extension RehearsalDatabase {
    /// Runs a statement in a transaction that stays open until the connection is closed.
    func hold(_ script: String) async throws(QueueError) -> Connection {
        let connection = try await connect()
        return try await queueing { () async throws(DatabaseError) in
            try await connection.run(script: "BEGIN; \(script)")
            return connection
        }
    }

    /// Waits until all jobs of a tenant have ended.
    ///
    /// - Returns: seconds of the wait.
    func secondsUntilDone(tenant: String) async throws -> Double {
        let start = ContinuousClock.now
        while try await count(
            """
            SELECT count(*) AS value FROM moed.job j JOIN moed.tenant t ON t.id = j.tenant_id
             WHERE t.name = \(tenant) AND j.finished_at IS NULL
            """) > 0
        {
            try await Task.sleep(for: .milliseconds(5))
        }
        return (ContinuousClock.now - start).seconds
    }

    /// Number of times that a worker's death was booked on a job.
    func crashes() async throws(QueueError) -> Int {
        try await count("SELECT coalesce(sum(crashes), 0)::bigint AS value FROM moed.job")
    }
}
