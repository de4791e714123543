#if !HTTP
package import MoedRemote

/// The transport of a build without the HTTP libraries (`make demo`): it reaches no endpoint.
package final class HTTPTransport: Transport {
    package init(_ endpoints: [HTTPEndpoint]) {}

    package func shutdown() async {}

    package func send(_ request: TransportRequest, _ receive: @Sendable (TransportEvent) -> Void) async {
        receive(.failed(.unreachable("this build of moed has no HTTP libraries: make build makes one with them")))
    }
}
#endif
