package import MoedCore

/// An error answer in OpenAI's shape.
package struct APIError: Error, Sendable, Equatable, CustomStringConvertible {
    /// HTTP status.
    package var status: Int
    package var message: String
    /// Machine-readable reason; nil where the status says all.
    package var code: String?
    /// Member of the request at fault.
    package var param: String?
    /// Seconds after which the client may try again.
    package var retryAfter: Int?
    /// Methods that the path takes, where the request had another one.
    package var allowed: [String] = []

    package init(_ status: Int, _ message: String, code: String? = nil, param: String? = nil) {
        self.status = status
        self.message = message
        self.code = code ?? Self.codes[status]
        self.param = param
        retryAfter = status == 429 || status == 503 ? 1 : nil
    }

    private static let codes = [
        401: "invalid_api_key", 403: "insufficient_permissions", 404: "not_found", 409: "conflict",
        413: "request_too_large", 429: "rate_limit_exceeded",
    ]

    /// A request that is at fault itself.
    package static func invalid(_ message: String, param: String? = nil, code: String = "invalid_value")
        -> APIError
    {
        APIError(400, message, code: code, param: param)
    }

    /// An object that is not there, or belongs to another tenant.
    package static func missing(_ kind: String, _ id: String, param: String? = nil) -> APIError {
        APIError(404, "there is no \(kind) \(id)", param: param)
    }

    package var description: String { "\(status): \(message)" }

    private var type: String {
        switch status {
        case 401, 403: "authentication_error"
        case 429: "rate_limit_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }

    /// The body of the answer.
    package var object: JSONValue {
        [
            "error": [
                "message": .string(message), "type": .string(type),
                "param": param.map { .string($0) } ?? .null,
                "code": code.map { .string($0) } ?? .null,
            ]
        ]
    }
}
