#if !HTTP
import MoedCore
package import MoedSettings

/// The gateway of a build without the HTTP libraries.
package enum Gateway {
    package static func run(_ sources: SettingSources, environment: [String: String]) async throws {
        throw ConfigurationProblem(
            "this moed was built without the HTTP libraries (swift build --disable-default-traits), so it cannot serve"
        )
    }
}
#endif
