package import Logging
import MoedCore
import MoedHost
package import MoedQueue

/// Registers a worker and its models, reacts to the loss of its lease, and releases jobs whose claim lost its answer.
package final class LeaseKeeper {
    private static let reconcileEvery = Duration.seconds(30)

    private let state: WorkerState
    private let lease: WorkerLease
    private let log: Logger
    private var nextReconciliation = Duration.zero
    private var areModelsRegistered = true
    private var isOriginRegistered = false
    private var hasNewModels = false

    package init(_ state: WorkerState, lease: WorkerLease, log: Logger) {
        self.state = state
        self.lease = lease
        self.log = log
    }

    /// True when three quarters of the lease are over. The claiming task then renews it too: the other task may have
    /// no connection.
    package var isUrgent: Bool { lease.isUrgent }

    /// Wakes the renewing task when the worker became idle or busy.
    package func noteState() {
        lease.note(running: state.jobs.count)
        if lease.hasChanged { lease.wake.signal() }
    }

    /// Schedules a comparison of leases after a new connection.
    package func connected() { nextReconciliation = state.now }

    package func register(_ store: any WorkerStore) async throws(QueueError) {
        guard state.worker == nil else { return }
        let asked = state.now
        let worker = try await store.registerWorker(
            WorkerRegistration(
                host: Host.name, pid: Host.processID, version: Version.text, models: state.runner.models,
                lease: state.settings.lease, isHouse: state.runner.isHouse))
        state.worker = worker
        areModelsRegistered = false
        lease.registered(worker, at: asked)
        try await registerModels(store)
        do throws(QueueError) {
            _ = try await store.rescue()
        } catch {
            // Maintenance tries it again.
            if error.isConnectionLost { throw error }
            log.warning("rescue at the start: \(error)")
        }
    }

    /// Registers the worker's model names and the origin of its answers. What another transaction is adding is tried
    /// again at the next call.
    package func registerModels(_ store: any WorkerStore) async throws(QueueError) {
        try await registerOrigin(store)
        guard !areModelsRegistered, let worker = state.worker else { return }
        let models = state.runner.models
        let areRegistered = try await unlessHeldUp { () async throws(QueueError) in
            try await store.registerModels(worker, models)
        }
        areModelsRegistered = areRegistered ?? false
        if !areModelsRegistered {
            log.warning("the names \(models) are not all registered: another transaction is adding one")
        }
    }

    /// The runner serves other models than before.
    package func modelsChanged() {
        state.readAdapters()
        (areModelsRegistered, isOriginRegistered, hasNewModels) = (false, false, true)
    }

    /// True once after `modelsChanged`.
    package func takeChange() -> Bool {
        defer { hasNewModels = false }
        return hasNewModels
    }

    private func registerOrigin(_ store: any WorkerStore) async throws(QueueError) {
        guard !isOriginRegistered, let origin = state.runner.origin else { return }
        let isDone: Bool? = try await unlessHeldUp { () async throws(QueueError) in
            for one in [origin] + state.runner.adapterOrigins { try await store.registerOrigin(one) }
            return true
        }
        isOriginRegistered = isDone ?? false
    }

    package func unregister(_ store: any WorkerStore) async throws(QueueError) {
        guard let worker = state.worker else { return }
        try await store.unregister(worker)
        state.worker = nil
        lease.ended()
    }

    /// Reads a lower bound of the lease tokens for the next renewal.
    package func readFirstToken(_ store: any WorkerStore) async throws(QueueError) {
        guard let worker = state.worker else { return }
        if let token = try await unlessHeldUp({ () async throws(QueueError) in
            try await store.firstToken(of: worker)
        }) {
            lease.note(firstToken: token)
        }
    }

    /// Renews the lease on the claiming task's connection.
    ///
    /// - Returns: true when the worker became idle: it was not notified of jobs enqueued before.
    package func beat(_ store: any WorkerStore) async throws(QueueError) -> Bool {
        lease.note(running: state.jobs.count)
        try await readFirstToken(store)
        let renewal = try await unlessHeldUp { () async throws(QueueError) in try await lease.renew(store) }
        try await settleLoss(store)
        return renewal == .renewed(becameIdle: true)
    }

    /// Registers anew after the worker was declared dead, and stops its jobs. Finished results are still written: the
    /// lease tokens decide whether the database accepts them.
    package func settleLoss(_ store: any WorkerStore) async throws(QueueError) {
        if lease.takeLoss() {
            log.warning(
                "this worker was declared dead: its \(state.jobs.count) jobs are others' now; registering again")
            state.runner.stop(state.jobs.takeLeases().map(\.job))
            state.worker = nil
        }
        try await register(store)
    }

    /// Releases jobs that the database assigns to this worker and that this worker does not know.
    ///
    /// The answer to their claim or release was lost with the connection. No other worker rescues them while this
    /// worker's lease lasts.
    package func releaseUnknown(_ store: any WorkerStore) async throws(QueueError) {
        guard let worker = state.worker, state.now >= nextReconciliation else { return }
        let owned = state.jobs.owned
        let leases = try await unlessHeldUp { () async throws(QueueError) in try await store.leases(of: worker) }
        let unknown = (leases ?? []).filter { !owned.contains($0) }
        if !unknown.isEmpty {
            log.notice("released \(unknown.count) jobs whose claim was answered by nobody")
            _ = try await store.release(unknown.map { JobRelease(lease: $0) })
        }
        nextReconciliation = state.now + Self.reconcileEvery
    }
}
