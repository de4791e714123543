import MoedCore
package import MoedQueue

/// Writes the states of the runner's endpoints with each beat and after each change, and ends their pauses on request.
package final class EndpointReporter {
    private let state: WorkerState
    private var written: [String: EndpointReport.State] = [:]
    /// Last calls of `moed.clear_cooldown()` by endpoint; nil before the first look: older calls are no requests.
    private var ends: [String: Int64]?

    package init(_ state: WorkerState) { self.state = state }

    /// - Parameter isBeat: true writes them without a change, too.
    package func report(_ store: any WorkerStore, isBeat: Bool) async throws(QueueError) {
        guard let worker = state.worker, !state.runner.endpoints.isEmpty else { return }
        _ = try await unlessHeldUp { () async throws(QueueError) in try await self.endPauses(store) }
        let endpoints = state.runner.endpoints
        let states = Dictionary(endpoints.map { ($0.name, $0.state) }) { first, _ in first }
        guard isBeat || states != written else { return }
        let isWritten: Bool? = try await unlessHeldUp { () async throws(QueueError) in
            try await store.reportEndpoints(worker, endpoints)
            return true
        }
        if isWritten == true { written = states }
    }

    private func endPauses(_ store: any WorkerStore) async throws(QueueError) {
        let found = try await store.cooldownEnds()
        defer { ends = found }
        guard let ends else { return }
        let new = found.filter { $0.value > ends[$0.key] ?? .min }.map(\.key)
        if !new.isEmpty { state.runner.endPauses(of: Set(new)) }
    }
}
