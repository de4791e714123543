/// The fields of a form as browsers send it: `application/x-www-form-urlencoded`.
package struct FormFields: Sendable, Equatable {
    private var values: [String: String] = [:]

    package init(_ bytes: [UInt8]) {
        for pair in String(decoding: bytes, as: UTF8.self).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else { continue }
            values[PercentText.decoded(parts[0])] = PercentText.decoded(parts[1])
        }
    }

    /// The last value of a name; nil when it is missing or empty.
    package subscript(name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// The value of a cookie in the header `Cookie`.
    package static func cookie(_ name: String, in header: String?) -> String? {
        (header ?? "").split(separator: ";").lazy
            .map { $0.drop { $0 == " " } }
            .first { $0.hasPrefix(name + "=") }
            .map { String($0.dropFirst(name.count + 1)) }
    }
}
