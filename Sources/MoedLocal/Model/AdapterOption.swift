package import MoedAdapters
import MoedCore
import MoedHost
package import MoedWeights

/// An adapter to be loaded, and its name.
package struct AdapterOption: Sendable, Equatable {
    /// Name of the adapted model.
    package var name: String
    package var path: String

    package init(name: String, path: String) {
        self.name = name
        self.path = path
    }

    /// Reads `DIR`, whose name the adapter gets, or `NAME=DIR`.
    package init(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        // A path may hold the sign: a name does not hold a slash.
        if parts.count == 2, !parts[0].isEmpty, !parts[0].contains("/") {
            self.init(name: parts[0], path: parts[1])
        } else {
            self.init(name: WholeFile.name(of: text), path: text)
        }
    }

    /// Opens adapters of a model.
    ///
    /// - Throws: `ConfigurationProblem` for a name of two; `EngineError` naming file, tensor or member, and reason.
    package static func open(_ options: [AdapterOption], for model: ModelConfiguration) throws -> [NamedAdapter] {
        var names: Set<String> = []
        return try options.map { option in
            guard names.insert(option.name).inserted else {
                throw ConfigurationProblem("two adapters have the name “\(option.name)”: give them names (NAME=DIR)")
            }
            return NamedAdapter(name: option.name, adapter: try Adapter.open(option.path, for: model))
        }
    }
}
