import Glibc
// `timespec` comes from this module of the toolchain where another file of the target uses `stat`.
import SwiftOverlayShims
package import MoedCore

/// An open file of a checkpoint, read at given offsets.
///
/// Weights are repacked once at load, so they are read rather than mapped: a file that is cut short while it
/// is being read gives an error here, where a mapping would end the process with SIGBUS.
package final class WeightFile: Sendable {
    /// Path as given, for messages.
    package let path: String
    package let byteCount: Int
    /// Inode number, and times in nanoseconds since 1970: an unchanged file has the same ones.
    let status: Status
    private let descriptor: Int32

    /// Inode and times of a file.
    struct Status: Sendable, Equatable {
        var inode: UInt64
        /// Time of the last write, which anybody may set.
        var modified: Int
        /// Time of the last change of any kind, which only the system sets.
        var changed: Int
    }

    package init(_ path: String) throws(EngineError) {
        // Without O_NONBLOCK, opening a pipe would wait for its writer.
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw EngineError(.badCheckpoint, "cannot open \(path): \(Self.reason(errno))")
        }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let reason = Self.reason(errno)
            Glibc.close(descriptor)
            throw EngineError(.badCheckpoint, "cannot examine \(path): \(reason)")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(descriptor)
            throw EngineError(.badCheckpoint, "\(path) is not a regular file")
        }
        self.path = path
        byteCount = Int(status.st_size)
        self.status = Status(
            inode: UInt64(status.st_ino), modified: Self.nanoseconds(status.st_mtim),
            changed: Self.nanoseconds(status.st_ctim))
        self.descriptor = descriptor  // Last: nothing may throw once we own it.
    }

    deinit { close(descriptor) }

    private static func nanoseconds(_ time: timespec) -> Int {
        Int(time.tv_sec) &* 1_000_000_000 &+ Int(time.tv_nsec)
    }

    /// Reads `count` bytes at `offset` to the front of `buffer`, which has room for them.
    package func read(_ count: Int, at offset: Int, into buffer: inout [UInt8]) throws(EngineError) {
        precondition(count <= buffer.count && count >= 0 && offset >= 0)
        // Typed throws do not pass through the closure's signature by themselves.
        let result = unsafe buffer.withUnsafeMutableBytes { bytes -> Result<Void, EngineError> in
            do throws(EngineError) {
                try unsafe read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]), at: offset)
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
    }

    /// Fills `target` with the bytes at `offset`.
    package func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(EngineError) {
        var done = 0
        while done < target.count {
            let result = unsafe pread(
                descriptor, UnsafeMutableRawBufferPointer(rebasing: target[done...]).baseAddress,
                target.count - done, off_t(offset + done))
            if result < 0 && errno == EINTR { continue }
            guard result >= 0 else {
                throw EngineError(.badCheckpoint, "cannot read \(path): \(Self.reason(errno))")
            }
            guard result > 0 else {
                throw EngineError(
                    .badCheckpoint, "\(path) ends at byte \(offset + done), while it is being read")
            }
            done += result
        }
    }

    /// Lets the system give the page cache's copy away: advice, without a way to fail.
    package func forget() { _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }

    private static func reason(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }

    /// The whole of a small file.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when it is missing, unreadable, larger than `limit` bytes, or a file of
    ///   another kind in its place.
    package static func contents(of path: String, limit: Int) throws(EngineError) -> [UInt8] {
        let file = try WeightFile(path)
        guard file.byteCount <= limit else {
            throw EngineError(
                .badCheckpoint, "\(path) has \(file.byteCount) bytes, more than the \(limit) allowed")
        }
        var bytes = [UInt8](repeating: 0, count: file.byteCount)
        try file.read(file.byteCount, at: 0, into: &bytes)
        if let kind = FileSignature.kind(bytes.prefix(FileSignature.length)) {
            throw EngineError(.badCheckpoint, "\(path) \(kind)")
        }
        return bytes
    }

    /// False only when there is no such file. A file that cannot be reached exists: opening it tells the reason.
    package static func exists(_ path: String) -> Bool {
        unsafe access(path, F_OK) == 0 || errno != ENOENT && errno != ENOTDIR
    }

    /// A small JSON file whose text is an object; nil when there is no such file.
    package static func object(at path: String, limit: Int) throws(EngineError) -> JSONObject? {
        guard exists(path) else { return nil }
        return try object(contents(of: path, limit: limit), path: path)
    }

    /// An object as the text of a JSON file.
    ///
    /// - Parameter path: of the file, for messages.
    static func object(_ bytes: [UInt8], path: String) throws(EngineError) -> JSONObject {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch {
            throw EngineError(.badCheckpoint, "\(path): \(error)")
        }
        guard let object = value.object else {
            throw EngineError(.badCheckpoint, "\(path) holds \(value.kind), not an object")
        }
        return object
    }
}
