/// A request to an endpoint, without the endpoint's address and credential.
package struct TransportRequest: Sendable, Equatable {
    /// Index of the endpoint.
    package var endpoint: Int
    /// Path after the endpoint's base URL, such as `/models`; `/metrics` is beside a base URL that ends with `/v1`.
    package var path: String
    /// Body of a POST; nil makes a GET.
    package var body: [UInt8]?
    /// Name of the request in the server's log; nil sends none.
    package var requestID: String?

    package init(endpoint: Int, path: String, body: [UInt8]? = nil, requestID: String? = nil) {
        self.endpoint = endpoint
        self.path = path
        self.body = body
        self.requestID = requestID
    }
}

/// Status and the headers of a response that moed reads.
package struct ResponseHead: Sendable, Equatable {
    package var status: Int
    /// Value of `Retry-After`; nil without the header.
    package var retryAfter: String?
    /// Media type without parameters, in lower case; empty when the server names none.
    package var contentType: String

    package init(status: Int, retryAfter: String? = nil, contentType: String = "") {
        self.status = status
        self.retryAfter = retryAfter
        self.contentType = contentType
    }
}

/// Part of a response, in order of arrival.
package enum TransportEvent: Sendable, Equatable {
    case head(ResponseHead)
    case bytes([UInt8])
    /// The response is complete.
    case ended
    case failed(TransportFailure)
}

/// Reason why a response has no end.
package enum TransportFailure: Sendable, Equatable {
    /// No connection: refused, no route, unknown host, no answer in time.
    case unreachable(String)
    /// The server's certificate or the TLS handshake is not acceptable.
    case insecure(String)
    /// The connection ended while the request ran.
    case cut(String)
}

/// Sends requests to endpoints. It retries nothing and follows no redirect.
package protocol Transport: Sendable {
    /// Sends a request and hands over the parts of its response, the last one being `ended` or `failed`.
    ///
    /// A cancelled task closes the connection; no part comes afterwards.
    func send(_ request: TransportRequest, _ receive: @Sendable (TransportEvent) -> Void) async
}
