import Logging
import MoedClient
import MoedOpenAI
import ServiceLifecycle

/// Adds the lines of uploaded files to their batches, part by part. Several gateways share the work.
actor ImportService: Service {
    private let store: GatewayStore
    private let log: Logger
    private let wakes: AsyncStream<Void>
    private let waking: AsyncStream<Void>.Continuation

    /// Another gateway may have died while it worked on a file.
    private static let pollInterval = Duration.seconds(2)

    init(_ store: GatewayStore, log: Logger) {
        self.store = store
        self.log = log
        (wakes, waking) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Says that a batch was created.
    nonisolated func wake() { waking.yield() }

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.work() }
    }

    private func work() async {
        let waking = waking
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.pollInterval)
                    waking.yield()
                }
            }
            for await _ in wakes { await addAll() }
            group.cancelAll()
        }
    }

    private func addAll() async {
        do throws(APIError) {
            while !Task.isCancelled, try await store.importStep() {}
        } catch {
            log.warning("lines of a batch could not be added, and will be later: \(error.message)")
        }
    }
}
