import Glibc

/// A file or standard input, read from its beginning chunk by chunk.
@safe package final class FileChunks {
    private let descriptor: Int32
    private let path: String
    private let isOwned: Bool

    private static let chunkBytes = 1 << 18

    /// - Parameter path: a file; `-` is standard input.
    package init(_ path: String) throws(WholeFile.Failure) {
        self.path = path
        isOwned = path != "-"
        descriptor = isOwned ? unsafe open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO
        guard descriptor >= 0 else { throw WholeFile.Failure(path: path, errno: errno) }
    }

    deinit { if isOwned { close(descriptor) } }

    /// The next bytes; empty at the end.
    package func next() throws(WholeFile.Failure) -> [UInt8] {
        while true {
            var count = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Self.chunkBytes) { buffer, filled in
                unsafe count = read(descriptor, buffer.baseAddress, Self.chunkBytes)
                filled = max(0, count)
            }
            if count >= 0 { return bytes }
            guard errno == EINTR else { throw WholeFile.Failure(path: path, errno: errno) }
        }
    }
}
