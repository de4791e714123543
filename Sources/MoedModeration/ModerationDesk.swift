package import MoedCore
import MoedRemote
import MoedRemoteHTTP
import Synchronization

/// The moderation endpoint of a worker with its connections, or none.
package struct ModerationDesk: Sendable {
    private let parts: (moderator: Moderator, transport: LateTransport)?

    /// - Parameter remark: receives lines for the log.
    package init(_ service: ModerationService?, remark: @escaping @Sendable (String) -> Void = { _ in }) {
        parts = service.map { service in
            let transport = LateTransport(service.address)
            return (Moderator(service, transport: transport, remark: remark), transport)
        }
    }

    package var inquirer: any ContentInquirer {
        if let parts { parts.moderator } else { NoInquirer() }
    }

    /// Closes all connections.
    package func shutdown() async {
        await parts?.moderator.shutdown()
        await parts?.transport.shutdown()
    }
}

/// A transport that is made for its first request.
private final class LateTransport: Transport {
    private let address: HTTPEndpoint
    private let made = Mutex<HTTPTransport?>(nil)

    init(_ address: HTTPEndpoint) { self.address = address }

    func send(_ request: TransportRequest, _ receive: @Sendable (TransportEvent) -> Void) async {
        let transport = made.withLock { made in
            let transport = made ?? HTTPTransport([address])
            made = transport
            return transport
        }
        await transport.send(request, receive)
    }

    func shutdown() async { await made.withLock { $0 }?.shutdown() }
}
