import Glibc

/// Reading and writing small files whole.
package enum WholeFile {
    package struct Failure: Error, CustomStringConvertible {
        var path: String
        var errno: Int32
        package var description: String { "\(path): \(reason)" }
        private var reason: String {
            errno == EFBIG ? "the file is too large" : unsafe String(cString: strerror(errno))
        }
    }

    /// - Throws: `Failure` with the system's error number; EFBIG when the file is larger than `bytesMax`.
    static func read(_ path: String, bytesMax: Int) throws(Failure) -> [UInt8] {
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
}
