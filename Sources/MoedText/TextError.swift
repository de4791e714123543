/// Why a tokenizer file or a chat template cannot be used, or why rendering failed.
package struct TextError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The file is not what its format says: not JSON, a missing or mistyped field, a contradiction.
        case malformedFile
        /// The file asks for something that moed does not do; the reason names it.
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
