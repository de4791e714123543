import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport

/// Jobs of two tenants in all states, fresh for one schedule, with three workers. The third one's lease has ended.
struct ExplorerScene: Sendable {
    let queue: Queue
    /// Number of the schedule; names of tenants and keys contain it.
    let number: Int
    /// Running jobs of the three workers, of both tenants each.
    let first: [ClaimedJob]
    let second: [ClaimedJob]
    let dead: [ClaimedJob]
    let workers: [WorkerID]
    let failed: JobID

    var a: String { "a\(number)" }
    var b: String { "b\(number)" }

    /// Model that a worker registers in some schedules.
    static let model = "x"

    static func make(_ queue: Queue, number: Int) async throws -> ExplorerScene {
        var workers: [WorkerID] = []
        for _ in 0..<3 { workers.append(try await queue.worker()) }
        let (a, b) = ("a\(number)", "b\(number)")
        try await queue.add(7, tenant: a)
        try await queue.add(7, tenant: b)
        var claimed: [[ClaimedJob]] = []
        for worker in workers { claimed.append(try await queue.store.claim(worker, Queue.jobClass, limit: 4)) }
        let (answered, refused) = (claimed[1].removeFirst(), claimed[0].removeFirst())
        _ = try await queue.store.complete([JobCompletion(answered.lease)])
        _ = try await queue.store.fail([JobFailure(lease: refused.lease, code: "c", message: "m", retryable: false)])
        _ = try await queue.store.checkpoint(
            claimed[2].map { JobCheckpoint(lease: $0.lease, choice: 0, firstToken: 0, tokens: [1, 2]) }, computedBy: "x")
        try await queue.expire(workers[2])
        try await queue.database.run(
            script: """
                SELECT moed.enqueue('due', tenant => t, run_at => now() + interval '1 h'),
                       moed.enqueue('late', tenant => t, expires_at => now() - interval '1 s'),
                       moed.enqueue('unknown', tenant => t, model => 'nobody'),
                       moed.import_batch('batch', '{"custom_id":"1","body":{}}', tenant => t)
                  FROM unnest(ARRAY['\(a)', '\(b)']) AS t;
                UPDATE moed.job SET run_at = now() WHERE state = 'scheduled'
                """)
        return ExplorerScene(
            queue: queue, number: number, first: claimed[0], second: claimed[1], dead: claimed[2], workers: workers,
            failed: refused.id)
    }

    /// Lets the workers that live answer what they still hold, and a new one run all that is left.
    ///
    /// - Returns: what does not hold afterwards.
    func finish(committed: [Int64], isPruned: Bool) async throws -> [String] {
        _ = try await queue.store.complete((first + second).map { JobCompletion($0.lease) })
        for worker in workers.prefix(2) { try await queue.store.unregister(worker) }
        // A beat of the schedule may have renewed its lease.
        try await queue.expire(workers[2])
        try await queue.database.run(script: "SELECT moed.resume('tenant', '\(a)'), moed.resume('tenant', '\(b)')")
        let worker = try await queue.worker(models: ["default", Self.model])
        try await drain(worker)
        try await queue.store.unregister(worker)
        var problems = try await queue.violations()
        let found: [Int64] = try await queue.database.query("SELECT id FROM moed.job").map { try $0.value("id") }
        let lost = Set(committed).subtracting(found)
        if !lost.isEmpty && !isPruned { problems.append("committed jobs are gone: \(lost.sorted())") }
        problems += try await wrongAccounts()
        _ = try await queue.store.prune(olderThan: .zero, limit: 10_000)
        let left: [String] = try await queue.database.query(
            "SELECT concat_ws(' ', id, state, tenant_id, model_id, model_name, run_at, finished_at) AS value FROM moed.job"
        ).map { try $0.value("value") }
        if !left.isEmpty { problems.append("jobs are left after all have ended: \(left)") }
        return problems
    }

    private func drain(_ worker: WorkerID) async throws {
        for _ in 0..<50 {
            try await queue.database.run(script: "UPDATE moed.job SET run_at = created_at WHERE state = 'scheduled'")
            _ = try await queue.store.maintain()
            for backlog in try await queue.store.backlog(models: ["default", Self.model]) {
                let jobs = try await queue.store.claim(worker, backlog, limit: 100)
                _ = try await queue.store.complete(jobs.map { JobCompletion($0.lease) })
            }
            let isOpen: Bool? = try await queue.database.value(
                "SELECT EXISTS (SELECT FROM moed.job WHERE finished_at IS NULL) OR EXISTS (SELECT FROM moed.cancel_request) AS value")
            if isOpen == false { return }
        }
    }

    /// The ledger and the tenants' usage are the same sums, and every request of a tenant or a cancellation is gone.
    private func wrongAccounts() async throws -> [String] {
        try await queue.store.foldUsage()
        return try await queue.database.query(
            """
            SELECT 'tenant ' || t.name || ' is billed ' || u.billed_tokens || ', the ledger says ' || l.tokens AS value
              FROM moed.tenant t JOIN moed.tenant_usage u ON u.tenant_id = t.id
              CROSS JOIN LATERAL (
                SELECT coalesce(sum(g.total_tokens), 0) AS tokens FROM moed.token_ledger g
                 WHERE g.tenant_id = t.id AND g.kind = 'final' AND (g.created_at AT TIME ZONE 'UTC')::date = u.day) l
             WHERE t.name IN (\(a), \(b)) AND u.billed_tokens <> l.tokens
            UNION ALL
            SELECT 'a job without a tenant: ' || j.id FROM moed.job j
             WHERE NOT EXISTS (SELECT FROM moed.tenant t WHERE t.id = j.tenant_id)
            UNION ALL SELECT 'a request is left: ' || r.name FROM moed.tenant_request r
            UNION ALL SELECT 'usage is left of tenant ' || d.tenant_id FROM moed.usage_delta d
            """
        ).map { try $0.value("value") }
    }
}
