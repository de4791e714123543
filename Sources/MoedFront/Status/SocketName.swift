import Glibc

/// An address as the socket API takes it.
struct SocketName {
    let family: Int32
    private let bytes: [UInt8]

    /// - Throws: `StatusServer.Failure` when there is no such address.
    init(_ address: StatusAddress) throws(StatusServer.Failure) {
        switch address {
        case .ip4(let host, let port):
            family = AF_INET
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            guard unsafe inet_pton(AF_INET, host, &name.sin_addr) == 1 else { throw Self.unknown(address) }
            bytes = unsafe withUnsafeBytes(of: &name) { unsafe Array($0) }
        case .ip6(let host, let port):
            family = AF_INET6
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port.bigEndian
            guard unsafe inet_pton(AF_INET6, host, &name.sin6_addr) == 1 else { throw Self.unknown(address) }
            bytes = unsafe withUnsafeBytes(of: &name) { unsafe Array($0) }
        case .unix(let path):
            family = AF_UNIX
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
            bytes = unsafe withUnsafeBytes(of: &name) { unsafe Array($0) }
        }
    }

    private static func unknown(_ address: StatusAddress) -> StatusServer.Failure {
        StatusServer.Failure(description: "cannot listen on \(address): no such address")
    }

    func bind(_ descriptor: Int32) -> Bool {
        unsafe withPointer { unsafe Glibc.bind(descriptor, $0, $1) == 0 }
    }

    /// - Returns: 0, or errno.
    func connect(_ descriptor: Int32) -> Int32 {
        unsafe withPointer { unsafe Glibc.connect(descriptor, $0, $1) == 0 ? 0 : errno }
    }

    private func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        unsafe bytes.withUnsafeBytes { buffer in
            var storage = sockaddr_storage()
            return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
                unsafe UnsafeMutableRawPointer(pointer).copyMemory(
                    from: buffer.baseAddress ?? UnsafeRawPointer(pointer), byteCount: buffer.count)
                return unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe body($0, socklen_t(buffer.count))
                }
            }
        }
    }
}
