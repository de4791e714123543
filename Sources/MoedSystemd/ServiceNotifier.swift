import Glibc

/// Tells the service manager how the daemon is doing.
///
/// Speaks the datagram protocol of sd_notify(3) to a socket whose address is passed in, so that nothing here
/// reads the process's environment; `sd_notify` itself can only do that.
package struct ServiceNotifier: Sendable {
    package enum Outcome: Sendable, Equatable {
        case sent
        /// Not started by a service manager that wants to know.
        case notSupervised
        /// The datagram was not taken; the value is errno.
        case failed(errno: Int32)
    }

    private let address: SocketAddress?

    /// - Parameter socket: `NOTIFY_SOCKET`'s value; nil makes every notification a no-op.
    /// - Throws: `NotifierError` when the address is neither an absolute path nor an abstract name, or too long.
    package init(socket: String?) throws(NotifierError) {
        guard let socket else {
            address = nil
            return
        }
        address = try SocketAddress(socket)
    }

    /// Sends the messages as one datagram. Never blocks: a service manager that does not read must not
    /// stop generation.
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
        // One datagram is taken as a whole or not at all.
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

/// A Unix-domain address with its true length: an abstract name is not terminated by a zero byte.
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
