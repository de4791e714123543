import MoedCore
import MoedPostgres
import MoedQueue

/// A statement of a session that the explorer leaves open.
struct ExplorerStep: Sendable {
    enum Actor: Sendable, Equatable {
        case worker
        /// A client of a tenant: true for the first one.
        case client(ofFirst: Bool)
        case administrator
    }

    struct Outcome: Sendable {
        /// Jobs that the step has added.
        var added: [Int64] = []
        /// True when the statement left rows out that others lock.
        var isLocked = false
    }

    let name: String
    let actor: Actor
    let run: @Sendable (ExplorerScene, ExplorerSession) async throws -> Outcome

    static let all: [ExplorerStep] = outcomes + workers + maintenance + clients + administrators

    private static func worker(
        _ name: String, _ run: @escaping @Sendable (ExplorerScene, JobStore) async throws -> [Disposition]
    ) -> ExplorerStep {
        ExplorerStep(name: name, actor: .worker) { scene, session in
            Outcome(isLocked: try await run(scene, session.store).contains(.locked))
        }
    }

    private static let outcomes: [ExplorerStep] = [
        worker("complete") { scene, store in
            try await store.complete((scene.first.prefix(2) + scene.second.prefix(1)).map { JobCompletion($0.lease) })
        },
        worker("late complete") { scene, store in try await store.complete(scene.dead.map { JobCompletion($0.lease) }) },
        worker("fail") { scene, store in
            try await store.fail(
                scene.first.map { JobFailure(lease: $0.lease, code: "c", message: "m", retryable: true) })
        },
        worker("release") { scene, store in try await store.release(scene.second.map { JobRelease(lease: $0.lease) }) },
        ExplorerStep(name: "checkpoint", actor: .worker) { scene, session in
            let jobs = scene.first + scene.second + scene.dead
            let answer = try await session.store.checkpoint(
                jobs.map { JobCheckpoint(lease: $0.lease, choice: 0, firstToken: 2, tokens: [3]) }, computedBy: "x")
            return Outcome(isLocked: !answer.locked.isEmpty)
        },
    ]

    private static let workers: [ExplorerStep] = [
        worker("claim") { scene, store in
            _ = try await store.claim(scene.workers[0], Queue.jobClass, limit: 1)
            return []
        },
        worker("claim all") { scene, store in
            for backlog in try await store.backlog(models: ["default"]) {
                _ = try await store.claim(scene.workers[1], backlog, limit: 9)
            }
            return []
        },
        worker("beat") { scene, store in
            for worker in scene.workers {
                _ = try await store.beat(worker, WorkerBeat(lease: Queue.lease, idle: true, firstToken: 1))
            }
            return []
        },
        worker("register") { scene, store in
            let worker = try await store.registerWorker(
                WorkerRegistration(host: "h", pid: 2, version: "0", models: ["default"], lease: .zero))
            _ = try await store.registerModels(worker, [ExplorerScene.model])
            return []
        },
        worker("stops") { scene, store in
            _ = try await store.toBeStopped(scene.workers[0])
            _ = try await store.firstToken(of: scene.workers[0])
            return []
        },
    ]

    private static let upkeep: [ExplorerStep] = MaintenanceStep.allCases.filter { $0 != .rescue && $0 != .prune }.map { step in
        worker(step.rawValue) { _, store in
            _ = try await store.maintain(step)
            return []
        }
    }

    private static let maintenance: [ExplorerStep] = upkeep + [
        // JobStore.rescue() is a transaction of its own: this one stays open.
        ExplorerStep(name: "rescue", actor: .worker) { _, session in
            try await session.connection.run(
                script: """
                    UPDATE moed.worker w SET stopped_at = clock_timestamp(), idle = false WHERE w.id = ANY (ARRAY(
                      SELECT d.id FROM moed.worker d
                       WHERE d.stopped_at IS NULL AND d.expires_at < clock_timestamp() FOR UPDATE SKIP LOCKED));
                    EXECUTE held_take_back (1000)
                    """)
            return Outcome()
        },
        worker("prune") { _, store in
            _ = try await store.prune(olderThan: .zero)
            return []
        },
    ]

    private static func client(
        _ name: String, ofFirst: Bool = true, adds: Bool = false, _ script: @escaping @Sendable (ExplorerScene) -> String
    ) -> ExplorerStep {
        ExplorerStep(name: name, actor: .client(ofFirst: ofFirst)) { scene, session in
            let rows = try await session.connection.run(script: script(scene)).rows
            return try Outcome(added: adds ? rows.map { try $0.value("id") } : [])
        }
    }

    private static let clients: [ExplorerStep] = [
        client("enqueue", adds: true) { "SELECT moed.enqueue('q', tenant => '\($0.a)', model => 'x') AS id" },
        client("enqueue in new tenants", adds: true) {
            "SELECT moed.enqueue('q', tenant => t) AS id FROM unnest(ARRAY['new\($0.number)', 'newer\($0.number)']) AS t"
        },
        client("enqueue in newer tenants", ofFirst: false, adds: true) {
            "SELECT moed.enqueue('q', tenant => t) AS id FROM unnest(ARRAY['newer\($0.number)', 'new\($0.number)']) AS t"
        },
        client("enqueue once", adds: true) {
            "SELECT moed.enqueue('q', tenant => '\($0.a)', idempotency_key => 'k\($0.number)') AS id"
        },
        client("enqueue once for the other", ofFirst: false, adds: true) {
            "SELECT moed.enqueue('q', tenant => '\($0.b)', idempotency_key => 'k\($0.number)') AS id"
        },
        client("import", ofFirst: false) {
            "SELECT moed.import_batch('n', '{\"custom_id\":\"1\",\"body\":{\"model\":\"x\"}}', tenant => '\($0.b)')"
        },
        client("cancel") { "SELECT moed.cancel(id) FROM moed.jobs WHERE tenant = '\($0.a)' ORDER BY id" },
        client("cancel backwards", ofFirst: false) {
            "SELECT moed.cancel(id) FROM moed.jobs WHERE tenant = '\($0.b)' ORDER BY id DESC"
        },
        client("cancel jobs") { "SELECT moed.cancel_jobs(tenant => '\($0.a)')" },
        client("cancel batch") { "SELECT moed.cancel_batch(id) FROM moed.batches WHERE tenant = '\($0.a)'" },
    ]

    private static func administrator(
        _ name: String, _ script: @escaping @Sendable (ExplorerScene) -> String
    ) -> ExplorerStep {
        ExplorerStep(name: name, actor: .administrator) { scene, session in
            try await session.connection.run(script: script(scene))
            return Outcome()
        }
    }

    private static let administrators: [ExplorerStep] = [
        administrator("redrive") { "SELECT moed.redrive(\($0.failed))" },
        administrator("redrive jobs") { _ in "SELECT moed.redrive_jobs(enqueued_before => now())" },
        administrator("pause") { "SELECT moed.pause('tenant', '\($0.b)')" },
        administrator("register model") { _ in "SELECT moed.register_model('x')" },
    ]
}
