#if HTTP
import HTTPTypes
import HummingbirdCore
import MoedCore
import MoedOpenAI
import NIOCore

/// An answer before it is HTTP.
enum Answer: Sendable {
    case object(JSONValue)
    case failure(APIError)
    /// A failure in the form of Anthropic's API.
    case messageFailure(APIError)
    /// Text that is written while it comes into being.
    case text(type: String, @concurrent @Sendable (inout any ResponseBodyWriter) async throws -> Void)

    private static let requestID = HTTPField.Name("x-request-id")

    func response(requestID: String) -> Response {
        var headers = HTTPFields()
        if let name = Self.requestID { headers[name] = requestID }
        headers[.cacheControl] = "no-store"
        switch self {
        case .object(let value): return Self.json(value, .ok, headers)
        case .failure(let error): return Self.failure(error, error.object, headers)
        case .messageFailure(let error):
            return Self.failure(error, MessageBatchObject.error(error, requestID: requestID), headers)
        case .text(let type, let write):
            headers[.contentType] = type
            return Response(
                status: .ok, headers: headers,
                body: ResponseBody { @concurrent writer in
                    try await write(&writer)
                    try await writer.finish(nil)
                })
        }
    }

    private static func failure(_ error: APIError, _ object: JSONValue, _ headers: HTTPFields) -> Response {
        var headers = headers
        if let seconds = error.retryAfter { headers[.retryAfter] = String(seconds) }
        if !error.allowed.isEmpty { headers[.allow] = error.allowed.joined(separator: ", ") }
        if error.status == 401 { headers[.wwwAuthenticate] = "Bearer" }
        return json(object, .init(code: error.status), headers)
    }

    private static func json(_ value: JSONValue, _ status: HTTPResponse.Status, _ headers: HTTPFields)
        -> Response
    {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(
            status: status, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: value.serialized())))
    }
}
#endif
