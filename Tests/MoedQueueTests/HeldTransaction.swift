import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport

/// A transaction of somebody else that stays open.
struct HeldTransaction {
    private let connection: Connection

    static func begin(in database: TestDatabase, _ script: String) async throws -> HeldTransaction {
        let held = HeldTransaction(connection: try await database.connect())
        try await held.connection.run(script: "BEGIN; \(script)")
        return held
    }

    func run(_ script: String) async throws { try await connection.run(script: script) }

    func end(_ how: String = "COMMIT") async throws {
        try await connection.run(script: how)
        await connection.close()
    }
}

extension JobStore {
    /// A worker's store that does not outwait a held transaction: a statement that meets its lock ends.
    ///
    /// All commits with a NOTIFY in the server wait for each other, so a shorter limit fails on a busy machine.
    static func impatient(_ database: TestDatabase) async throws -> JobStore {
        var settings = ConnectionSettings(conninfo: database.conninfo, applicationName: "impatient")
        settings.lockTimeout = .seconds(2)
        settings.statementTimeout = .seconds(600)
        let connection = try await Connection.connect(settings)
        try await connection.run(script: JobStore.session)
        return JobStore(connection: connection)
    }
}

/// Jobs of two tenants in all states, and the statements of a worker on those of the second one.
struct LockScene {
    let queue: Queue
    let store: JobStore
    let worker: WorkerID
    /// Running jobs of the first tenant, whose transaction is held.
    let mine: [ClaimedJob]
    /// Running jobs of the second tenant.
    let others: [ClaimedJob]

    static func make() async throws -> LockScene {
        let queue = try await Queue()
        _ = try await queue.worker(models: ["served"])
        try await queue.database.run(
            script: """
                INSERT INTO moed.tenant (name) VALUES ('a'), ('b');
                SELECT moed.import_batch('mine', '{"custom_id":"1","body":{"messages":[]}}', tenant => 'a');
                INSERT INTO moed.price (model, prompt, cached, completion) VALUES ('default', 1, 1, 1);
                """)
        let worker = try await queue.worker()
        try await queue.add(3, tenant: "a", priority: 5)
        let mine = try await queue.store.claim(worker, Queue.jobClass, limit: 3)
        _ = try await queue.store.fail(
            [JobFailure(lease: mine[0].lease, code: "c", message: "m", retryable: false)])
        try await queue.add(6, tenant: "b", priority: 4)
        let others = try await queue.store.claim(worker, Queue.jobClass, limit: 6)
        try await queue.add(2, tenant: "a")
        try await queue.add(3, tenant: "b")
        try await queue.database.run(
            script: """
                SELECT moed.enqueue('later', tenant => 'a', run_at => now() + interval '1 hour', idempotency_key => 'k');
                SELECT moed.enqueue('due', tenant => 'b', run_at => now() + interval '1 hour');
                SELECT moed.enqueue('late', tenant => 'b', expires_at => now() - interval '1 s');
                SELECT moed.enqueue('unknown', tenant => 'b', model => 'nobody');
                UPDATE moed.job SET run_at = now() WHERE state = 'scheduled' AND idempotency_key IS NULL;
                """)
        return LockScene(
            queue: queue, store: try await .impatient(queue.database), worker: worker,
            mine: Array(mine.dropFirst()), others: others)
    }

    /// Runs every statement of a worker; each must do its work without waiting for a lock.
    ///
    /// - Returns: what did not work.
    func problems() async throws -> [String] {
        var problems: [String] = []
        func check(_ holds: Bool, _ what: String) { if !holds { problems.append(what) } }
        let outcomes = try await outcomeProblems()
        let newcomer = try await store.registerWorker(
            WorkerRegistration(host: "new", pid: 2, version: "0", models: ["default", "served"], lease: Queue.lease))
        check(try await store.registerModels(newcomer, ["default", "served"]), "registerModels")
        check(try await store.beat(newcomer, WorkerBeat(lease: Queue.lease, idle: false)), "beat of the newcomer")
        check(try await store.beat(worker, WorkerBeat(lease: Queue.lease, idle: true)), "beat")
        check(try await store.firstToken(of: worker) > 0, "firstToken")
        _ = try await store.leases(of: worker)
        _ = try await store.remaining(models: ["default"])
        try await queue.expire(newcomer)
        let found = try await store.maintain()
        check(found.rescue.workers == 1, "rescue: \(found.rescue)")
        check(found.promoted == 1, "promoted \(found.promoted)")
        check(found.expired == 1 && found.refused == 1, "expired \(found.expired), refused \(found.refused)")
        let left: Int? = try await queue.database.value(
            "SELECT count(*) AS value FROM moed.usage_delta d JOIN moed.tenant t ON t.id = d.tenant_id WHERE t.name = 'b'")
        check(left == 0, "usage of the other tenant")
        _ = try await store.prune(olderThan: .zero)
        return outcomes + problems
    }

    private func outcomeProblems() async throws -> [String] {
        var problems: [String] = []
        func check(_ holds: Bool, _ what: String) { if !holds { problems.append(what) } }
        let pieces = (others + mine).map { JobCheckpoint(lease: $0.lease, choice: 0, firstToken: 0, tokens: [1]) }
        let answer = try await store.checkpoint(pieces, computedBy: "x")
        check(answer.locked == [], "checkpoints locked: \(answer.locked)")
        check(answer.written.isSuperset(of: others.map(\.id)), "checkpoints written: \(answer.written)")
        _ = try await store.toBeStopped(worker)
        let completed = try await store.complete(
            [others[0], mine[0], others[1]].map { JobCompletion($0.lease) })
        check(completed == [.committed, .committed, .committed], "complete: \(completed)")
        let failed = try await store.fail(
            [others[2], mine[1]].map { JobFailure(lease: $0.lease, code: "c", message: "m", retryable: true) })
        check(failed == [.committed, .committed], "fail: \(failed)")
        let released = try await store.release([JobRelease(lease: others[3].lease)])
        check(released == [.committed], "release: \(released)")
        return problems
    }

    /// Claims jobs of the second tenant. Paused or prunable jobs are not asked for.
    func claimed() async throws -> [String] {
        try await store.claim(worker, Queue.jobClass, limit: 8).map(\.tenant)
    }

    func close() async throws {
        await store.close()
        await queue.close()
    }
}
