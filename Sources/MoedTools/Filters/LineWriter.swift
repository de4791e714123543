import Glibc
import MoedCore
import MoedHost

/// Writes JSON values to a file descriptor, one per line.
struct LineWriter {
    private let descriptor: Int32

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// - Throws: `WholeFile.Failure`; EPIPE when the reader has closed the pipe.
    func write(_ value: JSONValue) throws(WholeFile.Failure) {
        let bytes = Array((value.serialized() + "\n").utf8)
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw WholeFile.Failure(path: "standard output", errno: errno)
            }
            written += count
        }
    }
}
