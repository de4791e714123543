/// Address of the status server.
package enum StatusAddress: Sendable, Equatable, CustomStringConvertible {
    case ip4(String, port: UInt16)
    case ip6(String, port: UInt16)
    /// A Unix socket, by its absolute path.
    case unix(String)

    /// Maximum length in bytes of a Unix socket's path: `sun_path` of <sys/un.h> without its terminator.
    private static let pathBytesMax = 107

    /// Reads `127.0.0.1:9464`, `[::1]:9464`, `localhost:9464` or `/run/moed/status.sock`; nil for anything else.
    package init?(_ text: String) {
        if text.hasPrefix("/") {
            guard text.utf8.count <= Self.pathBytesMax else { return nil }
            self = .unix(text)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
            port > 0
        else { return nil }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            self = .ip6(String(host.dropFirst().dropLast()), port: port)
        } else if host == "localhost" {
            self = .ip4("127.0.0.1", port: port)
        } else {
            let parts = host.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 4, parts.allSatisfy({ UInt8($0) != nil }) else { return nil }
            self = .ip4(String(host), port: port)
        }
    }

    package var description: String {
        switch self {
        case .ip4(let host, let port): "\(host):\(port)"
        case .ip6(let host, let port): "[\(host)]:\(port)"
        case .unix(let path): path
        }
    }
}
