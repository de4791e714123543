#if HTTP
import AsyncHTTPClient
import Glibc
import MoedHost
package import MoedRemote
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Sends requests by AsyncHTTPClient over HTTP/1.1. It retries nothing, follows no redirect and uses no proxy.
package final class HTTPTransport: Transport {
    private static let connectTimeout = TimeAmount.seconds(5)
    private static let connectionsMax = 1024
    private static let credentialBytesMax = 16 << 10

    private let endpoints: [HTTPEndpoint]
    private let clients: [HTTPClient]
    private let loop: MultiThreadedEventLoopGroup

    package init(_ endpoints: [HTTPEndpoint]) {
        self.endpoints = endpoints
        loop = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        clients = endpoints.map { [loop] in
            HTTPClient(eventLoopGroupProvider: .shared(loop), configuration: Self.configuration($0))
        }
    }

    private static func configuration(_ endpoint: HTTPEndpoint) -> HTTPClient.Configuration {
        var pool = HTTPClient.Configuration.ConnectionPool(
            idleTimeout: .seconds(30), concurrentHTTP1ConnectionsPerHostSoftLimit: connectionsMax)
        pool.retryConnectionEstablishment = false
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = endpoint.authorityFile { tls.trustRoots = .file(file) }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: connectTimeout), connectionPool: pool, decompression: .disabled)
        configuration.httpVersion = .http1Only
        return configuration
    }

    /// Closes all connections.
    package func shutdown() async {
        for client in clients {
            // A failed shutdown leaves connections to the end of the process, which is near.
            try? await client.shutdown()
        }
        try? await loop.shutdownGracefully()
    }

    package func send(_ request: TransportRequest, _ receive: @Sendable (TransportEvent) -> Void) async {
        let outgoing: HTTPClientRequest
        do { outgoing = try prepared(request) } catch {
            receive(.failed(.insecure("its credential cannot be read: \(error)")))
            return
        }
        do {
            let response = try await clients[request.endpoint].execute(outgoing, deadline: .distantFuture)
            receive(.head(Self.head(response)))
            for try await buffer in response.body { receive(.bytes(Array(buffer.readableBytesView))) }
            receive(.ended)
        } catch {
            if !Task.isCancelled { receive(.failed(Self.failure(error))) }
        }
    }

    private func prepared(_ request: TransportRequest) throws -> HTTPClientRequest {
        let endpoint = endpoints[request.endpoint]
        let isBeside = request.path == "/metrics" && endpoint.url.hasSuffix("/v1")
        var outgoing = HTTPClientRequest(url: endpoint.url.dropLast(isBeside ? 3 : 0) + request.path)
        outgoing.headers.add(name: "Accept", value: "text/event-stream, application/json")
        outgoing.headers.add(name: "User-Agent", value: "moed")
        if let body = request.body {
            outgoing.method = .POST
            outgoing.headers.add(name: "Content-Type", value: "application/json")
            outgoing.body = .bytes(body)
        }
        if let id = request.requestID {
            outgoing.headers.add(name: "X-Request-Id", value: id)
            // Trusted nowhere: a server that knows it may save work.
            outgoing.headers.add(name: "Idempotency-Key", value: id)
        }
        if let file = endpoint.credentialFile {
            // Read for each request, so that a new credential needs no restart.
            let bytes = try WholeFile.read(file, bytesMax: Self.credentialBytesMax)
            let text = String(decoding: bytes.prefix { $0 > 32 && $0 < 127 }, as: UTF8.self)
            outgoing.headers.add(name: "Authorization", value: "Bearer \(text)")
        }
        return outgoing
    }

    private static func head(_ response: HTTPClientResponse) -> ResponseHead {
        let type = response.headers.first(name: "Content-Type") ?? ""
        return ResponseHead(
            status: Int(response.status.code), retryAfter: response.headers.first(name: "Retry-After"),
            contentType: type.prefix { $0 != ";" && $0 != " " }.lowercased())
    }

    private static func failure(_ error: any Error) -> TransportFailure {
        switch error {
        case let error as HTTPClientError where error == .connectTimeout: .unreachable("no answer to the connection")
        case is NIOConnectionError: .unreachable("no connection")
        case let error as IOError where unreachable.contains(error.errnoCode): .unreachable("no connection")
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            .insecure("the server's certificate or protocol is not accepted")
        case let error as HTTPClientError where error == .tlsHandshakeTimeout: .insecure("no TLS handshake in time")
        default: .cut("the connection ended")
        }
    }

    private static let unreachable: Set<CInt> = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, ECONNABORTED]
}
#endif
