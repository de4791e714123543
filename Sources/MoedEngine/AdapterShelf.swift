import Synchronization

/// The adapters that sequences of an engine can ask for. Threads change it while the engine runs.
package final class AdapterShelf: Sendable {
    private struct Leaving {
        weak var adapter: LoadedAdapter?
    }

    private struct State {
        var current: [LoadedAdapter]
        /// Removed adapters; those that nothing holds are gone.
        var leaving: [Leaving] = []
    }

    private let state: Mutex<State>

    init(_ adapters: [LoadedAdapter]) { state = Mutex(State(current: adapters)) }

    /// Adapters that are not removed.
    package var adapters: [LoadedAdapter] { state.withLock { $0.current } }

    /// Bytes of all adapters in memory, of removed ones that sequences or jobs still hold, too.
    package var byteCount: Int {
        state.withLock { state in
            (state.current + state.leaving.compactMap(\.adapter)).reduce(0) { $0 + $1.byteCount }
        }
    }

    /// - Parameter name: an adapter's name, or its `key`, by which removed ones are found too.
    package func adapter(_ name: String) -> LoadedAdapter? {
        state.withLock { state in
            state.current.first { $0.name == name || $0.key == name }
                ?? state.leaving.compactMap(\.adapter).first { $0.key == name }
        }
    }

    /// Exchanges the adapters. Sequences that run keep theirs.
    package func replace(with new: [LoadedAdapter]) {
        state.withLock { state in
            let old = state.current.filter { one in !new.contains { $0 === one } }
            state.leaving = state.leaving.filter { $0.adapter != nil } + old.map { Leaving(adapter: $0) }
            state.current = new
        }
    }
}
