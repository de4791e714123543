package import Logging
package import MoedCore
package import MoedQueue

/// Requests to endpoints that are to be recorded, and ends of recorded ones. A value without I/O.
package struct RequestAccount {
    package private(set) var openings: [EngineRequest] = []
    package private(set) var spending: [EngineSpending] = []
    /// Time of the next write after one that met a lock.
    package private(set) var retryAt: Duration?

    private static let pause = Duration.milliseconds(200)

    package init() {}

    package var isEmpty: Bool { openings.isEmpty && spending.isEmpty }

    package mutating func opening(_ requests: [EngineRequest]) { openings += requests }
    package mutating func spent(_ spending: [EngineSpending]) { self.spending += spending }

    /// True when a write may be tried now.
    package func isDue(_ now: Duration) -> Bool { !isEmpty && retryAt.map { $0 <= now } ?? true }

    /// Drops the openings: the database has answered them.
    package mutating func opened() {
        openings = []
        retryAt = nil
    }

    /// Drops the ends that were written, and keeps those of locked rows.
    package mutating func settled(locked: Set<EngineRequest.Key>, at now: Duration) {
        spending.removeAll { !locked.contains($0.key) }
        retryAt = spending.isEmpty ? nil : now + Self.pause
    }

    package mutating func heldUp(at now: Duration) { retryAt = now + Self.pause }
}

/// Records requests to endpoints: each before it is sent, and its cost after its end.
package final class RequestRecorder {
    private let state: WorkerState
    private let log: Logger

    package init(_ state: WorkerState, log: Logger) {
        self.state = state
        self.log = log
    }

    /// Writes all that waits, openings first. Jobs whose requests are refused are stopped: other workers have them.
    package func write(_ store: any WorkerStore) async throws(QueueError) {
        guard let worker = state.worker, state.requests.isDue(state.now) else { return }
        do throws(QueueError) {
            let openings = state.requests.openings
            if !openings.isEmpty {
                let recorded = try await store.recordRequests(openings, by: worker)
                state.requests.opened()
                if !recorded.declined.isEmpty { state.runner.decline(recorded.declined) }
                if !recorded.open.isEmpty { state.runner.proceed(recorded.open) }
                let known = recorded.open.union(recorded.declined)
                stop(openings.map(\.key).filter { !known.contains($0) })
            }
            let spending = state.requests.spending
            if !spending.isEmpty {
                state.requests.settled(locked: try await store.recordSpending(spending), at: state.now)
            }
        } catch {
            guard error.isHeldUp else { throw error }
            state.requests.heldUp(at: state.now)
        }
    }

    private func stop(_ keys: [EngineRequest.Key]) {
        let lost = Set(keys.map { JobLease(job: $0.job, token: $0.claim) }).filter { state.jobs.isHeld($0) }
        if !lost.isEmpty { log.warning("\(lost.count) jobs are another worker's: no request is sent for them") }
        let now = state.now
        state.runner.stop(lost.map(\.job).sorted().filter { state.jobs.stop($0, at: now) })
    }
}
