import MoedFront
import TestSupport
import Testing

@Suite struct StatusServerTests {
    private let folder: TemporaryFolder
    private let socket: String

    init() throws {
        folder = try TemporaryFolder()
        socket = folder.path("s")
        // As a killed daemon leaves it.
        try folder.write("s", [])
    }

    private func ask(_ path: String, method: String = "GET") async throws -> HTTPGet.Answer? {
        try await onOwnThread { [socket] in HTTPGet.ask(method, path, socket: socket) }
    }

    @Test(arguments: [true, false]) func answers(_ isHealthy: Bool) async throws {
        let server = try StatusServer(
            .unix(socket), metrics: { [Metric("moed_sweeps_total", .counter, "Sweeps.", 3)] },
            health: { Health(isHealthy: isHealthy, text: "as it is") })
        let running = Task { await server.run() }
        let metrics = try #require(try await ask("/metrics"))
        #expect(
            metrics.status == 200 && metrics.head.contains("text/plain; version=0.0.4"), "\(metrics.head)")
        #expect(metrics.body.hasSuffix("# TYPE moed_sweeps_total counter\nmoed_sweeps_total 3\n"))
        let health = try #require(try await ask("/healthz?verbose"))
        #expect(health.status == (isHealthy ? 200 : 503) && health.body == "as it is\n")
        #expect(try await ask("/other")?.status == 404)
        #expect(try await ask("/metrics", method: "POST")?.status == 405)
        #expect(try await ask("/a path with spaces")?.status == 400)
        running.cancel()
        await running.value
    }

    /// A client that connects and sends nothing does not delay the next client.
    @Test func aSilentClient() async throws {
        let server = try StatusServer(
            .unix(socket), metrics: { [] }, health: { Health(isHealthy: true, text: "ok") })
        let running = Task { await server.run() }
        let silent = try #require(HTTPGet.connect(to: socket))
        #expect(try await ask("/healthz")?.body == "ok\n")
        HTTPGet.hangUp(silent)
        running.cancel()
        await running.value
    }

    @Test(arguments: [StatusAddress.ip4("127.0.0.256", port: 9), .ip6("::g", port: 9), .unix("/none/such/s")])
    func placesThatAreNotThere(_ address: StatusAddress) {
        let failure = #expect(throws: StatusServer.Failure.self) {
            _ = try StatusServer(address, metrics: { [] }, health: { Health(isHealthy: true, text: "") })
        }
        #expect(failure?.description.hasPrefix("cannot listen on \(address): ") == true)
    }
}
