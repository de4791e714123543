import MoedCore
import MoedPostgres
import MoedQueue
import MoedRehearsal
import TestSupport

/// Databases with the schema applied, copied from one that was migrated once.
enum QueueDatabase {
    private static let template = Task {
        let database = try await TestDatabase.create()
        let migrator = try await Migrator.connect(conninfo: database.conninfo)
        _ = try await migrator.apply()
        await migrator.close()
        await database.close()
        // A closed connection's backend takes a moment to end, and CREATE DATABASE wants the template unused.
        let watcher = try await TestDatabase.create()
        while try await watcher.value(
            "SELECT count(*) AS value FROM pg_stat_activity WHERE datname = \(database.name)") != 0
        {
            try await Task.sleep(for: .milliseconds(10))
        }
        await watcher.close()
        return database.name
    }

    static func create() async throws -> TestDatabase {
        try await TestDatabase.create(template: try await template.value)
    }
}

/// A queue in a database of its own.
struct Queue {
    let database: TestDatabase
    let store: JobStore

    init() async throws {
        database = try await QueueDatabase.create()
        store = try await Self.store(database)
    }

    func close() async {
        await store.close()
        await database.close()
    }

    /// A store that waits for locks as patiently as the tests do.
    static func store(_ database: TestDatabase) async throws -> JobStore {
        let connection = try await database.connect()
        try await connection.run(script: JobStore.session)
        return JobStore(connection: connection)
    }

    /// Longer than any test: a lease ends when `expire` says so.
    static let lease = Duration.seconds(3600)

    func worker(
        models: [String] = ["default"], lease: Duration = Self.lease, isHouse: Bool = true
    ) async throws -> WorkerID {
        let worker = try await store.registerWorker(
            WorkerRegistration(host: "test", pid: 1, version: "0", models: models, lease: lease, isHouse: isHouse))
        _ = try await store.registerModels(worker, models)
        return worker
    }

    /// Lets a worker's lease run out.
    func expire(_ worker: WorkerID) async throws {
        try await database.query(
            "UPDATE moed.worker SET expires_at = now() - interval '1 s' WHERE id = \(worker.rawValue)")
    }

    /// Enqueues jobs of equal length class: `non_thinking`, bucket 5.
    @discardableResult
    func add(_ count: Int, tenant: String? = nil, priority: Int? = nil, attempts: Int? = nil) async throws
        -> [JobID]
    {
        let rows = try await database.query(
            """
            INSERT INTO moed.jobs (prompt, reasoning, max_tokens, tenant, priority, max_attempts)
            SELECT 'q' || i, 'non_thinking', 1, \(tenant), \(priority), \(attempts) FROM generate_series(1, \(count)) AS i
            RETURNING id
            """)
        return try rows.map { JobID(try $0.value("id")) }
    }

    static let jobClass = JobClass(model: "default", mode: .nonThinking, bucket: 5)

    func state(_ job: JobID) async throws -> String? {
        try await database.value("SELECT state AS value FROM moed.job WHERE id = \(job.rawValue)")
    }

    /// Checks the invariants that must hold after every test; returns the violations.
    func violations() async throws -> [String] {
        try await database.query(QueueInvariants.violations).map { try $0.value("value") }
    }
}

extension JobCompletion {
    /// An answer with five prompt, one cached, three thinking, two injected and four answer tokens.
    init(_ lease: JobLease, content: String = "answer") {
        var usage = Usage()
        usage.prompt = 5
        usage.cachedPrompt = 1
        usage.thinking = 3
        usage.injected = 2
        usage.answer = 4
        usage.recomputed = 6
        self.init(
            lease: lease, content: content, reasoning: "because", finishReason: .stop,
            body: #"{"choices":[]}"#,
            seed: UInt64.max, usage: usage)
        wall = .milliseconds(12)
    }
}
