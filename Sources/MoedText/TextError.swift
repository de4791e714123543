/// Error of an unusable tokenizer file or chat template, or of a failed rendering.
package struct TextError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The file violates its format: invalid JSON, a missing or mistyped field, or a contradiction.
        case malformedFile
        /// The file needs a feature that moed does not support; the reason names it.
        case unsupported
        case templateSyntax
        case templateFailed
        case limitExceeded
    }

    package var code: Code
    package var file: String
    /// Field of the file (`model.merges[3]`) or place in the template (`line 12`); nil for the file as a whole.
    package var place: String?
    package var reason: String

    package init(_ code: Code, file: String, place: String? = nil, _ reason: String) {
        self.code = code
        self.file = file
        self.place = place
        self.reason = reason
    }

    package var description: String {
        if let place { "\(file): \(place): \(reason)" } else { "\(file): \(reason)" }
    }
}
