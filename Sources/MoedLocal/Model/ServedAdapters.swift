package import MoedCore
package import MoedEngine
import Synchronization

/// The adapters that a runner serves, and those of its running jobs. Threads change it while jobs run.
package final class ServedAdapters: Sendable {
    /// An adapter in memory, and what its answers depend on.
    package struct One: Sendable {
        package let origin: RunnerOrigin
        package let loaded: LoadedAdapter

        package init(origin: RunnerOrigin, loaded: LoadedAdapter) {
            self.origin = origin
            self.loaded = loaded
        }
    }

    private struct State {
        var served: [One]
        /// Names that were served and are not any more.
        var removed: Set<String> = []
        /// A job keeps its adapter from its start to its end.
        var running: [JobID: LoadedAdapter] = [:]
    }

    private let shelf: AdapterShelf?
    private let state: Mutex<State>

    /// - Parameter shelf: of the engine; nil for one that has no adapters.
    package init(_ served: [One] = [], shelf: AdapterShelf? = nil) {
        self.shelf = shelf
        state = Mutex(State(served: served))
    }

    package var all: [One] { state.withLock { $0.served } }
    package var origins: [RunnerOrigin] { all.map(\.origin) }
    package var names: [String] { origins.map(\.model) }

    /// Bytes of the adapters in memory.
    package var byteCount: Int { shelf?.byteCount ?? 0 }

    /// Exchanges the served adapters. Running jobs keep theirs.
    package func replace(with new: [One]) {
        state.withLock { state in
            let names = Set(new.map(\.origin.model))
            state.removed = state.removed.union(state.served.map(\.origin.model)).subtracting(names)
            state.served = new
            shelf?.replace(with: new.map(\.loaded))
        }
    }

    /// Notes the adapters of jobs that start.
    ///
    /// - Returns: jobs whose adapter is not served any more.
    func start(_ jobs: [RunnableJob]) -> [JobID] {
        state.withLock { state in
            jobs.compactMap { job in
                let model = job.jobClass.model
                if let one = state.served.first(where: { $0.origin.model == model }) {
                    state.running[job.id] = one.loaded
                    return nil
                }
                return state.removed.contains(model) ? job.id : nil
            }
        }
    }

    /// Key of a started job's adapter; nil for a job of the model itself.
    func key(of job: JobID) -> String? { state.withLock { $0.running[job]?.key } }

    /// Forgets jobs that have ended.
    func note(_ event: RunnerEvent) {
        let ended: [JobID] =
            switch event {
            case .refused(let job, _, _), .finished(let job, _), .failed(let job, _, _): [job]
            case .stopped(let usages): Array(usages.keys)
            case .returned(let jobs): jobs
            default: []
            }
        guard !ended.isEmpty else { return }
        state.withLock { state in for job in ended { state.running[job] = nil } }
    }
}
