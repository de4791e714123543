import Glibc

/// Reads and writes small files whole.
package enum WholeFile {
    package struct Failure: Error, CustomStringConvertible {
        package var path: String
        /// Error number of the system; EFBIG for a file beyond the caller's limit.
        package var errno: Int32

        package init(path: String, errno: Int32) {
            self.path = path
            self.errno = errno
        }

        package var description: String { "\(path): \(reason)" }
        private var reason: String {
            errno == EFBIG ? "the file is too large" : unsafe String(cString: strerror(errno))
        }
    }

    /// - Throws: `Failure` with the system's error number; EFBIG when the file is larger than `bytesMax`.
    package static func read(_ path: String, bytesMax: Int) throws(Failure) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(path: path, errno: errno) }
        defer { close(descriptor) }
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
