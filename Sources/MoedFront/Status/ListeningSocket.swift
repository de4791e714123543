import Glibc

/// Socket that accepts connections without waiting.
struct ListeningSocket: ~Copyable, Sendable {
    let descriptor: Int32
    /// File of a Unix socket, removed with the socket.
    private let file: SocketFile?

    /// - Throws: `StatusServer.Failure` naming the address and the reason.
    init(_ address: StatusAddress) throws(StatusServer.Failure) {
        if case .unix(let path) = address { try SocketFile.makeRoom(at: path) }
        let name = try SocketName(address)
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(name.family, kind, 0)
        guard descriptor >= 0 else { throw Self.failure(address) }
        var on: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard name.bind(descriptor), Glibc.listen(descriptor, Int32(SOMAXCONN)) == 0 else {
            let error = Self.failure(address)
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        file = if case .unix(let path) = address { SocketFile(at: path) } else { nil }
    }

    private static func failure(_ address: StatusAddress) -> StatusServer.Failure {
        StatusServer.Failure(
            description: "cannot listen on \(address): \(unsafe String(cString: strerror(errno)))",
            isInUse: errno == EADDRINUSE)
    }

    deinit {
        close(descriptor)
        file?.remove()
    }

    /// Accepts the next connection; nil when none waits, or on an error.
    ///
    /// - Parameter isShort: set to true when no descriptor is left for it.
    func accept(_ isShort: inout Bool) -> ClientConnection? {
        let connection = Glibc.accept(descriptor, nil, nil)
        isShort = connection < 0 && (errno == EMFILE || errno == ENFILE)
        guard connection >= 0 else { return nil }
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        _ = fcntl(connection, F_SETFL, O_NONBLOCK)
        return ClientConnection(connection)
    }
}
