import CSystemd
import Glibc

/// The database password that the service manager hands over, as the credential `pgpass`.
///
/// libpq ignores a password file that a group may read, and systemd gives credentials such a mode. So libpq gets a
/// copy: a file in memory that only this process can name.
package struct PasswordCredential: Sendable {
    /// The credential cannot be read.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private static let bytesMax = 1 << 20

    /// Path of the copy. It exists as long as the process.
    private let copy: String

    /// - Parameter environment: of the process. Nil without `CREDENTIALS_DIRECTORY`, without the credential, and when
    ///   `PGPASSFILE` names a file elsewhere.
    package init?(_ environment: [String: String]) throws(Failure) {
        guard let directory = environment["CREDENTIALS_DIRECTORY"], !directory.isEmpty else { return nil }
        if let named = environment["PGPASSFILE"], !named.hasPrefix("\(directory)/") { return nil }
        guard let text = try Self.read("\(directory)/pgpass") else { return nil }
        copy = try Self.copy(Self.passwordFile(text))
    }

    /// A connection string that also names the copy. Its own password or password file wins.
    package func added(to conninfo: String) -> String {
        guard conninfo.hasPrefix("postgresql://") || conninfo.hasPrefix("postgres://") else {
            return "passfile=\(copy) \(conninfo)"
        }
        guard !conninfo.contains("passfile=") else { return conninfo }
        return "\(conninfo)\(conninfo.contains("?") ? "&" : "?")passfile=\(copy)"
    }

    /// True when a connection string has a password of its own.
    package static func isInside(_ conninfo: String) -> Bool {
        conninfo.prefixMatch(of: /postgres(ql)?:\/\/[^\/@]*:[^\/@]+@/) != nil
            || conninfo.contains(/(^|[\s?&])password\s*=/)
    }

    /// Text in the format of a password file. A single line that is no entry of one is a password for every server.
    static func passwordFile(_ text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }
        guard lines.count == 1, let line = lines.first, !isEntry(line) else { return text }
        let escaped = line.map { $0 == ":" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
        return "*:*:*:*:\(escaped)\n"
    }

    /// True for a line of host, port, database, user and password. A backslash escapes a colon.
    private static func isEntry(_ line: Substring) -> Bool {
        var (colons, isEscaped) = (0, false)
        for character in line {
            if character == ":", !isEscaped { colons += 1 }
            isEscaped = character == "\\" && !isEscaped
        }
        return colons >= 4
    }

    /// Nil when there is no such file.
    private static func read(_ path: String) throws(Failure) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("cannot read \(path)")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while bytes.count < bytesMax {
            let count = unsafe Glibc.read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("cannot read \(path)") }
            if count == 0 { break }
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func copy(_ text: String) throws(Failure) -> String {
        // MFD_CLOEXEC
        let descriptor = unsafe memfd_create("moed-pgpass", 1)
        guard descriptor >= 0 else { throw failure("cannot copy the credential pgpass") }
        let bytes = Array(text.utf8)
        guard fchmod(descriptor, 0o600) == 0, unsafe write(descriptor, bytes, bytes.count) == bytes.count
        else {
            throw failure("cannot copy the credential pgpass")
        }
        return "/proc/self/fd/\(descriptor)"
    }

    private static func failure(_ what: String) -> Failure {
        Failure(description: "\(what): \(unsafe String(cString: strerror(errno)))")
    }
}
