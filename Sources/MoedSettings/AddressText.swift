/// Addresses and credentials of services, as texts of the configuration.
package enum AddressText {
    /// Reason why a text is refused.
    package struct Problem: Error, Equatable {
        package var reason: String
    }

    /// A base URL without slashes at its end.
    package static func url(_ text: String) throws(Problem) -> String {
        var url = text
        while url.hasSuffix("/") { url.removeLast() }
        let rest = ["http://", "https://"].lazy.compactMap { prefix -> Substring? in
            url.lowercased().hasPrefix(prefix) ? url.dropFirst(prefix.count) : nil
        }.first
        guard let rest, let host = rest.split(separator: "/", omittingEmptySubsequences: false).first,
            !host.isEmpty, url.utf8.allSatisfy({ $0 > 32 && $0 < 127 })
        else { throw Problem(reason: "must be like http://host:8000/v1") }
        if host.contains("@") || url.contains("?") || url.contains("#") {
            throw Problem(
                reason: "must hold neither a key nor a query: put the key into a file and name it as credential")
        }
        return url
    }

    /// Path of a file with a credential; nil for an empty name.
    ///
    /// - Parameter directory: the unit's credentials; nil outside of a unit.
    package static func credential(_ name: String, in directory: String?) throws(Problem) -> String? {
        if name.isEmpty || name.hasPrefix("/") { return name.isEmpty ? nil : name }
        if name.contains("/") || name == "." || name == ".." {
            throw Problem(reason: "must be an absolute path or the name of a credential of the unit")
        }
        guard let directory else {
            throw Problem(
                reason: "is the name of a credential of the unit, and the service manager hands over none: "
                    + "add LoadCredential=\(name):FILE to the unit, or give an absolute path")
        }
        return "\(directory)/\(name)"
    }
}
