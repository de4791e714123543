import Glibc

/// Socket that accepts connections.
struct ListeningSocket: ~Copyable, Sendable {
    private let descriptor: Int32

    /// - Throws: `StatusServer.Failure` naming the address and the reason.
    init(_ address: StatusAddress) throws(StatusServer.Failure) {
        switch address {
        case .ip4(let host, let port):
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            guard unsafe inet_pton(AF_INET, host, &name.sin_addr) == 1 else {
                throw Self.failure(address, "no such address")
            }
            descriptor = try Self.listen(AF_INET, &name, address)
        case .ip6(let host, let port):
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port.bigEndian
            guard unsafe inet_pton(AF_INET6, host, &name.sin6_addr) == 1 else {
                throw Self.failure(address, "no such address")
            }
            descriptor = try Self.listen(AF_INET6, &name, address)
        case .unix(let path):
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
            // A killed daemon leaves its socket behind.
            unsafe unlink(path)
            descriptor = try Self.listen(AF_UNIX, &name, address)
        }
    }

    private static func failure(_ address: StatusAddress, _ reason: String? = nil) -> StatusServer.Failure {
        let reason = unsafe reason ?? String(cString: strerror(errno))
        return StatusServer.Failure(description: "cannot listen on \(address): \(reason)")
    }

    private static func listen<Name>(
        _ family: Int32, _ name: inout Name, _ address: StatusAddress
    ) throws(StatusServer.Failure) -> Int32 {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure(address) }
        var on: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard bind(descriptor, &name), Glibc.listen(descriptor, 16) == 0 else {
            let error = failure(address)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    deinit { close(descriptor) }

    private static func bind<Name>(_ descriptor: Int32, _ name: inout Name) -> Bool {
        unsafe withUnsafePointer(to: &name) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<Name>.size)) == 0
            }
        }
    }

    /// Accepts the next connection; nil on an error.
    func accept() -> Connection? {
        let connection = Glibc.accept(descriptor, nil, nil)
        return connection >= 0 ? Connection(connection) : nil
    }

    /// Ends `accept` in another thread.
    func wake() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

/// Connection to a client that sends one request.
struct Connection: ~Copyable {
    private let descriptor: Int32
    /// Time limit in seconds for the request, and for the answer: a stalled client must not block the others.
    private static let patience = 2
    private static let headBytesMax = 8192

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: Self.patience, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }

    deinit { close(descriptor) }

    /// Reads request line and headers; nil when the client does not send them in time.
    func readHead() -> String? {
        let start = ContinuousClock.now
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1024)
        while bytes.count < Self.headBytesMax, ContinuousClock.now - start < .seconds(Self.patience) {
            let count = unsafe recv(descriptor, &part, part.count, 0)
            guard count > 0 else { return nil }
            bytes += part[..<count]
            let text = String(decoding: bytes, as: UTF8.self)
            if text.hasSuffix("\r\n\r\n") || text.hasSuffix("\n\n") { return text }
        }
        return nil
    }

    func send(_ answer: HTTPAnswer) {
        var rest = answer.bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
