import Foundation

/// The simplest HTTP client there is: one request over a Unix socket.
package enum HTTPGet {
    package struct Answer {
        package var status: Int
        /// Status line and headers.
        package var head: String
        package var body: String
    }

    package static func get(_ path: String, socket file: String) async throws -> Answer? {
        try await onOwnThread { ask("GET", path, socket: file) }
    }

    /// A connection's descriptor; nil while nobody listens there.
    package static func connect(to file: String) -> Int32? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(file.utf8)) }
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Sends a whole request to a port of this machine and returns all that comes back.
    ///
    /// - Throws: `TestFailure` when nobody listens there.
    package static func exchange(port: Int, request: String) throws -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let bytes = Array(request.utf8)
        guard result == 0, unsafe write(descriptor, bytes, bytes.count) == bytes.count else {
            throw TestFailure("nobody listens on port \(port)")
        }
        return String(decoding: received(descriptor), as: UTF8.self)
    }

    private static func received(_ descriptor: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe read(descriptor, &part, part.count)
            guard count > 0 else { return bytes }
            bytes += part[..<count]
        }
    }

    package static func hangUp(_ descriptor: Int32) { close(descriptor) }

    /// Waits for the answer: not for threads that others need.
    ///
    /// - Returns: nil while nobody listens there.
    package static func ask(_ method: String, _ path: String, socket file: String) -> Answer? {
        guard let descriptor = connect(to: file) else { return nil }
        defer { close(descriptor) }
        let request = Array("\(method) \(path) HTTP/1.1\r\nHost: moed\r\nConnection: close\r\n\r\n".utf8)
        guard unsafe write(descriptor, request, request.count) == request.count else { return nil }
        let text = String(decoding: received(descriptor), as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n"), let status = text.split(separator: " ").dropFirst().first
        else { return nil }
        return Answer(
            status: Int(status) ?? 0, head: String(text[..<end.lowerBound]),
            body: String(text[end.upperBound...]))
    }
}
