/// Why a request cannot be run: stored with the job, shown to its owner, never retried.
package struct RequestError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Stable machine-readable reason; the raw value is stored in `moed.job_result.error_code`.
    package enum Code: String, Sendable {
        case invalidJSON = "invalid_json"
        case invalidValue = "invalid_value"
        case missingField = "missing_required_parameter"
        case unknownField = "unknown_parameter"
        case unsupported = "unsupported_parameter"
        case contextLengthExceeded = "context_length_exceeded"
        case templateFailed = "template_error"
        case promptTooLarge = "prompt_too_large"
    }

    package var code: Code
    /// The field of the request body at fault, e.g. `temperature`; nil when it is the body as a whole.
    package var param: String?
    package var message: String

    package init(_ code: Code, param: String? = nil, _ message: String) {
        self.code = code
        self.param = param
        self.message = message
    }

    package var description: String {
        param.map { "\(code.rawValue) (\($0)): \(message)" } ?? "\(code.rawValue): \(message)"
    }
}
