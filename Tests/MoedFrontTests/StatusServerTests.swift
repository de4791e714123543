import Glibc
import MoedFront
import Synchronization
import TestSupport
import Testing

@Suite struct StatusServerTests {
    private let folder: TemporaryFolder
    private let socket: String

    init() throws {
        folder = try TemporaryFolder()
        socket = folder.path("s")
        // As a killed daemon leaves it: a socket that nobody listens at.
        let dead = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: Array(socket.utf8)) }
        let isBound = unsafe withUnsafePointer(to: &name) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(dead, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        #expect(isBound)
        close(dead)
    }

    private func server() throws -> StatusServer {
        try StatusServer(.unix(socket), metrics: { [] }, health: { Health(isHealthy: true, text: "ok") })
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

    /// More clients than the server has places for send nothing; some have hung up, some read nothing.
    @Test func silentClientsDelayNobody() async throws {
        let server = try server()
        let running = Task { await server.run() }
        var silent: [Int32] = []
        for number in 0..<300 {
            // The queue of connections may be full for a moment.
            #expect(
                try await eventually {
                    guard let client = HTTPGet.connect(to: socket) else { return false }
                    silent.append(client)
                    return true
                })
            if number % 3 == 0 { _ = unsafe write(silent[number], "GET /metrics HTTP/1.1\r\n\r\n", 25) }
            if number % 5 == 0 {
                HTTPGet.hangUp(silent.removeLast())
                silent.append(-1)
            }
        }
        for _ in 0..<5 { #expect(try await ask("/healthz")?.body == "ok\n") }
        for client in silent where client >= 0 { HTTPGet.hangUp(client) }
        running.cancel()
        await running.value
    }

    /// Foundation waits for programs with select(2), which knows no descriptor from here on. The low ones stay free for
    /// tests of programs that run beside these.
    private static let selectMax: Int32 = 1024

    /// A thousand clients are connected at a time: they send nothing, half a request, or read no answer. Others come and go.
    @Test(.enabled(if: sysconf(Int32(_SC_OPEN_MAX)) >= 2048, "the limit of open files is below 2048 (ulimit -n)"))
    func aThousandIdleClientsDelayNobody() async throws {
        // The first answers are larger than a socket's buffer: the server waits for their readers.
        let long = String(repeating: "x", count: 1 << 20)
        let isLong = Mutex(true)
        let server = try StatusServer(
            .unix(socket), metrics: { [] },
            health: { Health(isHealthy: true, text: isLong.withLock { $0 } ? long : "ok") })
        let running = Task { await server.run() }
        let requests = ["", "GET /heal", "GET /healthz HTTP/1.1\r\n\r\n", "\u{0}\r\n"].map { Array($0.utf8) }
        var idle: [Int32] = []
        while idle.count < 1000 {
            #expect(
                try await eventually {
                    guard let client = HTTPGet.connect(to: socket) else { return false }
                    defer { close(client) }
                    let high = fcntl(client, F_DUPFD_CLOEXEC, Self.selectMax)
                    if high >= 0 { idle.append(high) }
                    return high >= 0
                })
            let request = requests[idle.count % requests.count]
            // The server may have closed the connection for a newer one.
            _ = unsafe send(idle[idle.count - 1], request, request.count, Int32(MSG_NOSIGNAL))
        }
        let coming = Task { [socket] in
            while !Task.isCancelled {
                let clients = (0..<50).compactMap { _ in HTTPGet.connect(to: socket) }
                clients.forEach(HTTPGet.hangUp)
                await Task.yield()
            }
        }
        isLong.withLock { $0 = false }
        for _ in 0..<20 { #expect(try await ask("/healthz")?.body == "ok\n") }
        coming.cancel()
        await coming.value
        idle.forEach(HTTPGet.hangUp)
        running.cancel()
        await running.value
    }

    @Test func headsAreLimited() async throws {
        let server = try server()
        let running = Task { await server.run() }
        #expect(try await ask("/" + String(repeating: "x", count: 9000))?.status == 431)
        #expect(try await ask("/healthz?" + String(repeating: "x", count: 7000))?.status == 200)
        running.cancel()
        await running.value
    }

    /// Only a dead socket of moed's own is replaced.
    @Test func whatIsNotADeadSocketStays() async throws {
        let server = try server()
        let taken = #expect(throws: StatusServer.Failure.self) { _ = try self.server() }
        #expect(taken?.isRefusal == true && taken?.description.contains("a running program") == true)
        withExtendedLifetime(server) {}
        try folder.write("file", [1, 2])
        let file = StatusAddress.unix(folder.path("file"))
        let refused = #expect(throws: StatusServer.Failure.self) {
            _ = try StatusServer(file, metrics: { [] }, health: { Health(isHealthy: true, text: "") })
        }
        #expect(refused?.isRefusal == true && refused?.description.contains("no socket") == true)
        #expect(try folder.bytes("file") == [1, 2])
    }

    @Test func theSocketGoesWithTheServer() throws {
        do {
            let server = try server()
            #expect(try folder.names == ["s"])
            withExtendedLifetime(server) {}
        }
        #expect(try folder.names == [])
    }

    @Test(arguments: [StatusAddress.ip4("127.0.0.256", port: 9), .ip6("::g", port: 9), .unix("/none/such/s")])
    func placesThatAreNotThere(_ address: StatusAddress) {
        let failure = #expect(throws: StatusServer.Failure.self) {
            _ = try StatusServer(address, metrics: { [] }, health: { Health(isHealthy: true, text: "") })
        }
        #expect(failure?.description.hasPrefix("cannot listen on \(address): ") == true)
        #expect(failure?.isRefusal == false)
    }
}
