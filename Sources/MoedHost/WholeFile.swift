import Glibc

/// Reads and writes small files whole.
package enum WholeFile {
    package struct Failure: Error, CustomStringConvertible {
        package var path: String
        /// Error number of the system; EFBIG for a file beyond the caller's limit, EINVAL for one of another kind.
        package var errno: Int32

        package init(path: String, errno: Int32) {
            self.path = path
            self.errno = errno
        }

        package var description: String { "\(path): \(reason)" }
        private var reason: String {
            switch errno {
            case EFBIG: "the file is too large"
            case EINVAL: "it is not a regular file"
            default: unsafe String(cString: strerror(errno))
            }
        }
    }

    /// - Throws: `Failure` with the system's error number; EFBIG when the file is larger than `bytesMax`.
    package static func read(_ path: String, bytesMax: Int) throws(Failure) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(path: path, errno: errno) }
        defer { close(descriptor) }
        return try read(descriptor, path, bytesMax: bytesMax)
    }

    /// Reads a regular file. A pipe would wait for its writer, and a device may never end.
    ///
    /// - Returns: its bytes, and true when users other than its owner and group may read it.
    /// - Throws: `Failure`; EINVAL for anything but a regular file.
    package static func readRegular(
        _ path: String, bytesMax: Int
    ) throws(Failure) -> (bytes: [UInt8], isReadableByOthers: Bool) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Failure(path: path, errno: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw Failure(path: path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(path: path, errno: EINVAL) }
        return (try read(descriptor, path, bytesMax: bytesMax), status.st_mode & S_IROTH != 0)
    }

    private static func read(
        _ descriptor: Int32, _ path: String, bytesMax: Int
    ) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure(path: path, errno: errno)
            }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= bytesMax else { throw Failure(path: path, errno: EFBIG) }
        }
    }

    /// The last component of a path: `model` of `/srv/model/`.
    package static func name(of path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    /// Removes a file if it is there.
    package static func remove(_ path: String) { unsafe unlink(path) }

    /// Creates or replaces a file.
    ///
    /// - Throws: `Failure` with the system's error number.
    package static func write(_ path: String, _ bytes: [UInt8]) throws(Failure) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Failure(path: path, errno: errno) }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes[written...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Failure(path: path, errno: errno) }
            written += count
        }
    }
}
