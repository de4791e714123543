import MoedAdapters
import MoedCore
import MoedEngine
import MoedHost
import MoedPreparation
import MoedWeights

/// Exchanges adapters beside a loaded model.
package struct AdapterLoader: Sendable {
    /// A set of adapters to be served in place of another.
    package struct Change: Sendable {
        /// Names of adapters that are read, and of those that go.
        package let loaded: [String]
        package let removed: [String]
        /// Serves the new set.
        package let apply: @Sendable () -> Void

        package var text: String {
            let parts = [("loaded", loaded), ("removed", removed)].filter { !$0.1.isEmpty }
            return parts.map { "\($0.0) \($0.1.joined(separator: ", "))" }.joined(separator: "; ")
        }
    }

    package let served: ServedAdapters
    let configuration: ModelConfiguration
    let origin: @Sendable (NamedAdapter) -> RunnerOrigin
    /// Bytes that adapters may take under the memory budget; nil without one.
    let room: Int?

    /// Reads the adapters that are not served yet. One whose files changed is read again.
    ///
    /// - Returns: nil when all are served as they are.
    /// - Throws: `ConfigurationProblem` or `EngineError` naming file, tensor or member, and reason.
    package func change(to options: [AdapterOption]) throws -> Change? {
        let old = served.all
        let named = try AdapterOption.open(options, for: configuration)
        let known = named.map { one in
            let origin = origin(one)
            return (named: one, origin: origin, served: old.first { $0.origin == origin })
        }
        let fresh = known.filter { $0.served == nil }
        let needed = fresh.reduce(served.byteCount) { $0 + $1.named.adapter.byteCount }
        if let room, !fresh.isEmpty, needed > room {
            throw ConfigurationProblem(
                "adapters: with the new ones they need \(HumanText.bytes(needed)), and memory.budget leaves them "
                    + "\(HumanText.bytes(room)): restart moed, so that its plan counts them")
        }
        let new = try known.map { one in
            try one.served ?? ServedAdapters.One(
                origin: one.origin, loaded: LoadedAdapter(one.named, layers: configuration.shape.layers))
        }
        let removed = served.names.filter { name in !new.contains { $0.origin.model == name } }
        guard !fresh.isEmpty || !removed.isEmpty else { return nil }
        return Change(loaded: fresh.map(\.origin.model), removed: removed) { [served] in served.replace(with: new) }
    }
}
