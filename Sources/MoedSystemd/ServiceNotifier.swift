import Glibc

/// Reports the daemon's state to the service manager.
///
/// Sends datagrams as in sd_notify(3) to the given socket address. `sd_notify` itself reads the address from the
/// process's environment, which nothing here does.
package struct ServiceNotifier: Sendable {
    package enum Outcome: Sendable, Equatable {
        case sent
        /// No service manager asked for notifications.
        case notSupervised
        /// The datagram was not accepted; the value is errno.
        case failed(errno: Int32)
    }

    private let address: SocketAddress?

    /// - Parameter socket: `NOTIFY_SOCKET`'s value; nil makes every notification a no-op.
    /// - Throws: `NotifierError` when the address is too long, or neither an absolute path nor an abstract name.
    package init(socket: String?) throws(NotifierError) {
        guard let socket else {
            address = nil
            return
        }
        address = try SocketAddress(socket)
    }

    /// Sends the messages as one datagram. It never blocks: a service manager that does not read must not stop
    /// generation.
    @discardableResult
    package func send(_ messages: ServiceMessage...) -> Outcome { send(messages) }

    @discardableResult
    package func send(_ messages: [ServiceMessage]) -> Outcome {
        guard let address else { return .notSupervised }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return .failed(errno: Glibc.errno) }
        defer { close(descriptor) }
        let text = Array(messages.map(\.assignment).joined(separator: "\n").utf8)
        let sent = unsafe address.withPointer { pointer, length in
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
            return unsafe sendto(descriptor, text, text.count, flags, pointer, length)
        }
        // A datagram is accepted as a whole or not at all.
        return sent == text.count ? .sent : .failed(errno: Glibc.errno)
    }
}

/// The address in `NOTIFY_SOCKET` is unusable.
package struct NotifierError: Error, Sendable, Equatable, CustomStringConvertible {
    package var socket: String

    package init(socket: String) { self.socket = socket }

    package var description: String {
        "NOTIFY_SOCKET is \(socket.prefix(120)), but must be an absolute path or @name of at most 107 bytes"
    }
}

/// Unix-domain address with its exact length: an abstract name is not terminated by a zero byte.
private struct SocketAddress: Sendable {
    private let bytes: [UInt8]

    init(_ name: String) throws(NotifierError) {
        var path = Array(name.utf8)
        guard path.count >= 2, path.count < 108, let first = path.first,
            first == UInt8(ascii: "/") || first == UInt8(ascii: "@"), !path.contains(0)
        else { throw NotifierError(socket: name) }
        if first == UInt8(ascii: "@") { path[0] = 0 } else { path.append(0) }
        bytes = path
    }

    func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in unsafe room.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
        }
    }
}
