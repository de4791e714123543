import Logging
import MoedClient
import MoedCore
import MoedOpenAI
import ServiceLifecycle

/// Direct requests whose clients wait. One statement at a time asks for all of them.
actor ChatDesk: Service {
    typealias Outcome = Result<JSONValue, APIError>

    private struct Watch {
        var chat: GatewayStore.WaitingChat
        var outcome: Outcome?
        var waiter: CheckedContinuation<Outcome?, Never>?
        /// Instant at which the waiter gets nil, so that it may send a sign of life.
        var deadline: ContinuousClock.Instant?
    }

    private let store: GatewayStore
    private let waitingMax: Int
    private let log: Logger
    private var watches: [JobID: Watch] = [:]
    /// Requests that were let in and are not enqueued yet.
    private var entering = 0
    private var isStopping = false

    private static let pollInterval = Duration.milliseconds(100)

    init(_ store: GatewayStore, waitingMax: Int, log: Logger) {
        self.store = store
        self.waitingMax = waitingMax
        self.log = log
    }

    /// Enqueues a request.
    func begin(
        _ key: String, _ body: String, settings: GatewaySettings
    ) async throws(APIError) -> GatewayStore.WaitingChat {
        guard !isStopping else { throw APIError(503, "the gateway stops") }
        guard watches.count + entering < waitingMax else {
            throw APIError(
                429, "\(waitingMax) requests wait for their answers already (gateway.chat_waiting)")
        }
        entering += 1
        defer { entering -= 1 }
        let job = try await store.enqueue(
            key, body, priority: settings.chatPriority, expiry: Int(settings.chatTime.components.seconds))
        let chat = GatewayStore.WaitingChat(key: key, job: job)
        guard !isStopping else {
            try await store.cancel(chat)
            throw APIError(503, "the gateway stops")
        }
        watches[job] = Watch(chat: chat)
        return chat
    }

    /// Waits for the answer; nil when it has not come after `limit`.
    func wait(_ chat: GatewayStore.WaitingChat, atMost limit: Duration? = nil) async -> Outcome? {
        guard let watch = watches[chat.job] else { return .failure(APIError(499, "the client has gone")) }
        if let outcome = watch.outcome {
            watches[chat.job] = nil
            return outcome
        }
        let deadline = limit.map { ContinuousClock.now + $0 }
        let outcome: Outcome? = await withCheckedContinuation { continuation in
            watches[chat.job]?.waiter = continuation
            watches[chat.job]?.deadline = deadline
        }
        if outcome != nil { watches[chat.job] = nil }
        return outcome
    }

    /// Cancels a request whose client has gone.
    func abandon(_ chat: GatewayStore.WaitingChat) async {
        guard let watch = watches.removeValue(forKey: chat.job) else { return }
        watch.waiter?.resume(returning: .failure(APIError(499, "the client has gone")))
        guard watch.outcome == nil else { return }
        do throws(APIError) { try await store.cancel(chat) } catch {
            log.warning("a request whose client has gone could not be cancelled: \(error.message)")
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.poll() }
        isStopping = true
        let left = watches
        watches = [:]
        for watch in left.values {
            watch.waiter?.resume(returning: .failure(APIError(503, "the gateway stops")))
        }
        // Nobody waits for them any more. A job that cannot be cancelled runs to its end, and its answer stays in SQL.
        for watch in left.values where watch.outcome == nil { try? await store.cancel(watch.chat) }
    }

    private func poll() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.pollInterval)
            let open = watches.values.filter { $0.outcome == nil }.map(\.chat)
            guard !open.isEmpty else { continue }
            do throws(APIError) {
                for (job, outcome) in try await store.results(open) { settle(job, outcome) }
            } catch {
                log.warning("answers could not be read, and will be later: \(error.message)")
            }
            let now = ContinuousClock.now
            for (job, watch) in watches {
                guard let deadline = watch.deadline, deadline <= now, let waiter = watch.waiter else {
                    continue
                }
                watches[job]?.waiter = nil
                watches[job]?.deadline = nil
                waiter.resume(returning: nil)
            }
        }
    }

    private func settle(_ job: JobID, _ outcome: Outcome) {
        guard let waiter = watches[job]?.waiter else {
            watches[job]?.outcome = outcome
            return
        }
        watches[job]?.waiter = nil
        waiter.resume(returning: outcome)
    }
}
