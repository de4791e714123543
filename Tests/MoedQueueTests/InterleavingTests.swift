import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Random interleavings of two clients, whose transactions stay open over several steps, and two workers.
///
/// No statement of a worker may wait for a lock. At the end every committed job has ended once.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct InterleavingTests {
    /// A session of a client. Calls that must wait for the other client end its transaction.
    private struct Client {
        let connection: Connection
        var isOpen = false
        /// Jobs that the open transaction has added.
        var added: [Int64] = []
    }

    private struct Worker {
        var id: WorkerID
        let store: JobStore
        var held: [ClaimedJob] = []
    }

    private static let models = ["default", "x", "y"]

    private static let calls = [
        "SELECT moed.enqueue('q', reasoning => 'non_thinking', max_tokens => 1) AS id",
        "SELECT moed.enqueue('q', model => 'x', max_tokens => 1) AS id",
        "SELECT moed.enqueue('q', model => 'y', tenant => 'b', idempotency_key => 'k') AS id",
        "SELECT moed.enqueue_many(ARRAY['{\"model\":\"x\"}', '{}']::json[], tenant => 'b') AS id",
        "INSERT INTO moed.jobs (prompt, max_tokens) VALUES ('q', 1), ('r', 1) RETURNING id",
        "SELECT moed.cancel(id) FROM (SELECT id FROM moed.job ORDER BY random() LIMIT 2) AS j",
        "SELECT moed.cancel(id) FROM (SELECT id FROM moed.job WHERE finished_at IS NULL ORDER BY random() LIMIT 2) AS j",
        "SELECT moed.redrive(id) FROM (SELECT id FROM moed.job WHERE finished_at IS NOT NULL ORDER BY random() LIMIT 1) AS j",
        "SELECT moed.pause('model', 'default')", "SELECT moed.resume('model', 'default')",
        "SELECT moed.pause('tenant', 'b')", "SELECT moed.resume('tenant', 'b')",
    ]

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func noWorkerWaitsAndNoJobIsLost(seed: UInt64) async throws {
        let queue = try await Queue()
        try await queue.database.run(script: "INSERT INTO moed.tenant (name) VALUES ('b')")
        var random = SplitMix(seed: seed)
        var (clients, workers): ([Client], [Worker]) = ([], [])
        for _ in 0..<2 {
            let connection = try await queue.database.connect()
            try await connection.run(script: "SET lock_timeout = '20ms'; SELECT setseed(\(Double(seed) / 100))")
            clients.append(Client(connection: connection))
            let store = try await JobStore.impatient(queue.database)
            workers.append(Worker(id: try await queue.worker(), store: store))
        }
        var committed: Set<Int64> = []
        for step in 0..<90 {
            let what = "seed \(seed), step \(step)"
            let index = Int.random(in: 0..<2, using: &random)
            if Int.random(in: 0..<5, using: &random) < 2 {
                committed.formUnion(try await clientStep(&clients[index], &random))
            } else {
                try await workerStep(&workers[index], &random, what)
            }
        }
        for index in clients.indices { committed.formUnion(try await end(&clients[index], "COMMIT")) }
        for index in workers.indices { try await settle(&workers[index], "seed \(seed), end") }
        try await drain(queue, workers[0])
        #expect(try await queue.violations() == [])
        let rows = try await queue.database.query("SELECT id, finished_at IS NULL AS is_open FROM moed.job")
        #expect(Set(try rows.map { try $0.value("id", as: Int64.self) }) == committed)
        #expect(try rows.allSatisfy { try !$0.value("is_open", as: Bool.self) }, "seed \(seed): not all ended")
        #expect(try await queue.database.value("SELECT count(*) AS value FROM moed.cancel_request") == 0)
        for client in clients { await client.connection.close() }
        for worker in workers { await worker.store.close() }
        await queue.close()
    }

    /// - Returns: jobs that were committed.
    private func clientStep(_ client: inout Client, _ random: inout SplitMix) async throws -> [Int64] {
        if client.isOpen, Int.random(in: 0..<3, using: &random) == 0 {
            return try await end(&client, Bool.random(using: &random) ? "COMMIT" : "ROLLBACK")
        }
        if !client.isOpen { try await client.connection.run(script: "BEGIN") }
        client.isOpen = true
        do {
            let call = Self.calls.randomElement(using: &random) ?? ""
            let rows = try await client.connection.run(script: call).rows
            if call.hasSuffix(" id") { client.added += try rows.map { try $0.value("id") } }
        } catch let error as DatabaseError where error.isHeldUp {
            _ = try await end(&client, "ROLLBACK")
        }
        return []
    }

    private func end(_ client: inout Client, _ how: String) async throws -> [Int64] {
        if client.isOpen { try await client.connection.run(script: how) }
        defer { (client.isOpen, client.added) = (false, []) }
        return how == "COMMIT" ? client.added : []
    }

    private func workerStep(_ worker: inout Worker, _ random: inout SplitMix, _ what: String) async throws {
        let store = worker.store
        switch Int.random(in: 0..<7, using: &random) {
        case 0, 1:
            guard let next = try await store.backlog(models: Self.models).randomElement(using: &random) else { return }
            worker.held += try await store.claim(worker.id, next, limit: Int.random(in: 1...4, using: &random))
        case 2, 3: try await settle(&worker, what)
        case 4:
            let answer = try await store.checkpoint(
                worker.held.map { JobCheckpoint(lease: $0.lease, choice: 0, firstToken: 0, tokens: [1]) },
                computedBy: "x")
            #expect(answer.locked == [], "\(what): checkpoint")
        case 5:
            let stopped = Set(try await store.toBeStopped(worker.id))
            let released = worker.held.filter { stopped.contains($0.id) }
            worker.held.removeAll { stopped.contains($0.id) }
            let answers = try await store.release(released.map { JobRelease(lease: $0.lease) })
            #expect(answers.allSatisfy { $0 == .committed }, "\(what): release \(answers)")
        default:
            let isRenewed = try await store.beat(worker.id, WorkerBeat(lease: Queue.lease, idle: true))
            #expect(isRenewed, "\(what): beat")
            if Int.random(in: 0..<4, using: &random) == 0 {
                let areRegistered = try await store.registerModels(worker.id, ["x"])
                #expect(areRegistered, "\(what): models")
            }
            _ = try await store.maintain()
        }
    }

    /// Ends all held jobs of a worker, some as answers and some as failures.
    private func settle(_ worker: inout Worker, _ what: String) async throws {
        let (even, odd) = (worker.held.filter { $0.id.rawValue % 3 > 0 }, worker.held.filter { $0.id.rawValue % 3 == 0 })
        worker.held = []
        var answers = try await worker.store.complete(even.map { JobCompletion($0.lease) })
        answers += try await worker.store.fail(
            odd.map { JobFailure(lease: $0.lease, code: "c", message: "m", retryable: $0.attempt < 2) })
        #expect(answers.allSatisfy { $0 == .committed }, "\(what): \(answers)")
    }

    /// Runs all jobs that are left.
    private func drain(_ queue: Queue, _ worker: Worker) async throws {
        try await queue.database.run(
            script: "SELECT moed.resume('model', 'default'), moed.resume('tenant', 'b')")
        var (worker, isOpen) = (worker, true)
        while isOpen {
            try await queue.database.run(script: "UPDATE moed.job SET run_at = created_at WHERE state = 'scheduled'")
            _ = try await worker.store.maintain()
            for jobClass in try await worker.store.backlog(models: Self.models) {
                worker.held += try await worker.store.claim(worker.id, jobClass, limit: 64)
            }
            try await settle(&worker, "drain")
            isOpen = try await queue.database.value("SELECT EXISTS (SELECT FROM moed.job WHERE finished_at IS NULL) AS value") ?? false
        }
        _ = try await worker.store.maintain()
    }
}
