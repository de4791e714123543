import Glibc
package import MoedCore
import MoedPacks
import MoedWeights

/// The place that experts are read from while a model runs. The product reads a pack's file; tests inject faults.
package protocol ExpertReader: Sendable {
    /// Fills `target` with the bytes at `offset`. Called from several threads at once.
    ///
    /// - Precondition: place, offset and size are multiples of `Pack.expertAlignment`.
    /// - Throws: `EngineError(.io)` with path and reason: the read failed or the file ends early.
    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(EngineError)

    /// Changes when somebody has written to the file: its size and the times of its last changes.
    var version: [Int] { get }

    /// Description of the access, for logs: “O_DIRECT”, or the reason against it.
    var access: String { get }

    /// Descriptor of the file where it can be read past the page cache by the kernel; nil when all reads go through
    /// `read(into:at:)`. It stays open as long as the reader exists.
    var directDescriptor: Int32? { get }
}

extension ExpertReader {
    package var directDescriptor: Int32? { nil }
}

/// A file read past the page cache, whose copies would take the memory that expert places need.
///
/// On file systems without O_DIRECT reads are buffered, and the page cache is told at once to forget them. A file that
/// is read once only is read through the page cache, which may hold a part of it.
package final class DirectFile: ExpertReader {
    private let path: String
    private let descriptor: Int32
    private let way: Way

    private enum Way: Equatable {
        case pageCache, direct
        /// Buffered for this reason, and forgotten at once.
        case forgotten(String)
    }

    /// - Parameter isReadOnce: true reads through the page cache.
    /// - Throws: `EngineError(.io)` naming the file.
    package init(_ path: String, isReadOnce: Bool = false) throws(EngineError) {
        self.path = path
        guard !isReadOnce else {
            way = .pageCache
            descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard descriptor >= 0 else { throw EngineError(.io, "cannot open \(path): \(Self.reason)") }
            return
        }
        let direct = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | Self.bypassesCache)
        if direct >= 0, Self.canRead(direct) {
            way = .direct
            descriptor = direct
            return
        }
        let refusal = Self.reason
        if direct >= 0 { close(direct) }
        descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        way = .forgotten(refusal)
        guard descriptor >= 0 else { throw EngineError(.io, "cannot open \(path): \(Self.reason)") }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// O_DIRECT of <fcntl.h>, which Swift is not shown.
    private static var bypassesCache: Int32 {
        #if arch(arm64)
            0o200_000
        #else
            0o40_000
        #endif
    }

    private static var reason: String { unsafe String(cString: strerror(errno)) }

    /// Some file systems open a file for O_DIRECT and refuse the first read.
    private static func canRead(_ descriptor: Int32) -> Bool {
        let size = Pack.expertAlignment
        let page = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: size)
        defer { unsafe page.deallocate() }
        return unsafe pread(descriptor, page, size, 0) >= 0
    }

    package func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(EngineError) {
        var done = 0
        while done < target.count {
            let result = unsafe pread(
                descriptor, UnsafeMutableRawBufferPointer(rebasing: target[done...]).baseAddress,
                target.count - done, off_t(offset + done))
            if result < 0 && errno == EINTR { continue }
            guard result >= 0 else { throw EngineError(.io, "cannot read \(path): \(Self.reason)") }
            guard result > 0 else {
                throw EngineError(.io, "\(path) ends at byte \(offset + done): it was cut short")
            }
            done += result
        }
        if case .forgotten = way {
            posix_fadvise(descriptor, off_t(offset), off_t(target.count), POSIX_FADV_DONTNEED)
        }
    }

    package var access: String {
        switch way {
        case .pageCache: "page cache"
        case .direct: "O_DIRECT"
        case .forgotten(let refusal): "buffered (the file system refuses O_DIRECT: \(refusal))"
        }
    }

    /// Nil for reads through the page cache, which the kernel would make on threads of its own.
    package var directDescriptor: Int32? { way == .direct ? descriptor : nil }

    package var version: [Int] {
        var status = stat()
        // A file that cannot be examined is a changed one.
        guard unsafe fstat(descriptor, &status) == 0 else { return [] }
        return [
            Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
            status.st_ctim.tv_nsec,
        ]
    }
}
