/// Reason for refusing a request. It is stored with the job and shown to its owner; the job is never retried.
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
        /// An endpoint refuses to answer by a policy of its own.
        case contentFilter = "content_filter"
        /// A rule of `moed.policy` forbids the request.
        case contentPolicy = "content_policy"
    }

    package var code: Code
    /// Name of the invalid field of the request body, e.g. `temperature`; nil when the whole body is invalid.
    package var param: String?
    package var message: String
    /// Findings of rules of `moed.policy` about the request.
    package var verdicts: [ContentVerdict] = []

    package init(_ code: Code, param: String? = nil, _ message: String) {
        self.code = code
        self.param = param
        self.message = message
    }

    package var description: String {
        param.map { "\(code.rawValue) (\($0)): \(message)" } ?? "\(code.rawValue): \(message)"
    }
}
