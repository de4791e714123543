import MoedHost
package import MoedLocal

/// The names that a line of `moed generate` and `moed score` can ask for.
///
/// The first adapter runs lines that name no other model: whoever gives one adapter means it.
package struct ModelNames: Sendable {
    package let base: String
    package let adapters: [String]

    package init(_ options: ModelOptions) {
        base = WholeFile.name(of: options.directory)
        adapters = options.adapters.map(\.name)
    }

    /// The model that runs a line.
    package func name(for asked: String?) -> String {
        if let asked, asked == base || adapters.contains(asked) { return asked }
        return adapters.first ?? base
    }

    /// The adapter that runs a line; nil is the base.
    package func adapter(for asked: String?) -> String? {
        let name = name(for: asked)
        return adapters.contains(name) ? name : nil
    }
}
