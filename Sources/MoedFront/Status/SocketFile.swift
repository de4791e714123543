import Glibc

/// The file of a Unix socket, by the identity that the system gave it.
struct SocketFile: Sendable {
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// The file at `path`; nil when there is none.
    init?(at path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        self.path = path
        device = status.st_dev
        inode = status.st_ino
    }

    /// Removes the file, unless another one has taken its place.
    func remove() {
        guard let now = SocketFile(at: path), now.device == device, now.inode == inode else { return }
        unsafe unlink(path)
    }

    /// Removes what a killed daemon left: a socket of the same user that nobody answers.
    ///
    /// - Throws: `StatusServer.Failure` when anything else is there.
    static func makeRoom(at path: String) throws(StatusServer.Failure) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        func refusal(_ reason: String) -> StatusServer.Failure {
            StatusServer.Failure(
                description: "cannot listen on \(path): \(reason); choose another path", isRefusal: true)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw refusal("a file that is no socket is there") }
        guard status.st_uid == geteuid() else { throw refusal("the socket there belongs to another user") }
        guard !isAnswered(path) else { throw refusal("a running program answers there") }
        SocketFile(at: path)?.remove()
    }

    /// True when a program accepts connections at the path.
    private static func isAnswered(_ path: String) -> Bool {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        // A socket of another kind and a full queue of connections have a living owner, too.
        let result = (try? SocketName(.unix(path)))?.connect(descriptor) ?? 0
        return result != ECONNREFUSED && result != ENOENT
    }
}
