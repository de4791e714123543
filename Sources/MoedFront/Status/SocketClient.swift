import Glibc

/// Asks a server whether it is moed's.
enum SocketClient {
    /// Body of the answer to `GET /`.
    static let greeting = "moed: /metrics, /healthz\n"
    /// Time for each read, in seconds.
    private static let patience = 2

    /// True when moed answers at the address.
    static func isMoed(_ address: StatusAddress) -> Bool {
        guard let name = try? SocketName(address) else { return false }
        let descriptor = socket(name.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: patience, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        let request = Array("GET / HTTP/1.1\r\nHost: moed\r\n\r\n".utf8)
        guard name.connect(descriptor) == 0,
            unsafe send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count
        else { return false }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1024)
        while bytes.count < 4096 {
            let count = unsafe recv(descriptor, &part, part.count, 0)
            guard count > 0 else { break }
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self).hasSuffix(greeting)
    }
}
