import Glibc
package import MoedCore
import MoedWeights

/// A pack being written: a directory beside its place, renamed to it when everything is on disk.
///
/// An end of the process before that leaves `NAME.partial-…`. It has no manifest before all weights are on disk, so
/// nothing takes it for a pack. The next run removes it: see `PartialPack`.
package final class PackDestination {
    package let path: String
    package let partialPath: String
    private let partial: PartialPack
    private var files: [PackManifest.WeightFileName: OutputFile] = [:]
    private var isPublished = false

    /// Makes the partial directory and its empty weight files.
    ///
    /// - Parameter byteCount: size of the pack to come, which must fit on the disk.
    /// - Throws: `EngineError(.io)` naming the path; also when `path` exists already.
    package init(_ path: String, byteCount: Int = 0) throws(EngineError) {
        guard let path = Self.absolute(path) else { throw EngineError(.io, "cannot pack to “\(path)”") }
        guard !WeightFile.exists(path) else {
            throw EngineError(
                .io,
                unsafe access(path, F_OK) == 0
                    ? "\(path) exists already: remove it, or pack to another place"
                    : "cannot pack to \(path): \(Self.reason)")
        }
        let parent = Self.parent(of: path)
        let name = String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
        PartialPack.removeAbandoned(of: name, in: parent)
        try Self.checkRoom(byteCount, in: parent)
        let partial = try PartialPack("\(name).partial-\(getpid())", in: parent)
        self.path = path
        partialPath = "\(parent)/\(partial.name)"
        self.partial = partial
        for name in PackManifest.WeightFileName.allCases {
            files[name] = try OutputFile("\(partialPath)/\(name.rawValue)")
        }
    }

    /// Names in a directory; none when it cannot be read.
    package static func names(in directory: String) -> [String] { PartialPack.names(in: directory) }

    deinit {
        files = [:]
        if !isPublished { partial.remove() }
    }

    /// - Throws: `EngineError(.io)` when the file system has less free space than the pack needs.
    private static func checkRoom(_ byteCount: Int, in folder: String) throws(EngineError) {
        var status = statvfs()
        // A file system that does not tell its space fills up in its own time.
        guard byteCount > 0, unsafe statvfs(folder, &status) == 0, status.f_frsize > 0 else { return }
        let (free, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(
            by: Int(clamping: status.f_frsize))
        guard !overflow, free < byteCount else { return }
        throw EngineError(
            .io,
            "the pack needs \(byteCount) bytes, and \(folder) has \(free) bytes free: make room, "
                + "or pack to another place")
    }

    private static var reason: String { unsafe String(cString: strerror(errno)) }

    /// With a leading folder and without a trailing slash, so that its neighbours can be listed.
    private static func absolute(_ path: String) -> String? {
        var path = path[...]
        while path.hasSuffix("/") { path.removeLast() }
        guard let name = path.split(separator: "/").last, name != ".", name != ".." else { return nil }
        return path.contains("/") ? String(path) : "./\(path)"
    }

    /// Bytes of a weight file; threads may write different ones at once.
    package func write(
        _ bytes: [UInt8], to file: PackManifest.WeightFileName, at offset: Int
    ) throws(EngineError) {
        guard let file = files[file] else { throw EngineError(.io, "\(partialPath) has no such file") }
        try file.write(bytes, at: offset)
    }

    /// Writes what is not a weight file whole.
    package func write(_ name: String, _ bytes: [UInt8]) throws(EngineError) {
        let file = try OutputFile("\(partialPath)/\(name)")
        try file.write(bytes, at: 0)
        try file.sync()
    }

    /// Writes the manifest and puts the directory to its place, all of it safely on disk.
    package func publish(_ manifest: PackManifest) throws(EngineError) {
        for file in files.values { try file.sync() }
        try write(PackManifest.fileName, Array(manifest.text.utf8))
        partial.unmark()
        guard fsync(partial.descriptor) == 0 else {
            throw EngineError(.io, "cannot write \(partialPath): \(Self.reason)")
        }
        guard unsafe rename(partialPath, path) == 0 else {
            throw EngineError(.io, "cannot rename \(partialPath) to \(path): \(Self.reason)")
        }
        isPublished = true
        let parent = unsafe open(Self.parent(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { return }  // Renamed it is; only the moment of it is uncertain.
        fsync(parent)
        close(parent)
    }

    private static func parent(of path: String) -> String {
        let parent = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
        return parent.isEmpty ? "/" : String(parent)
    }
}

/// A new file, written at given offsets from any thread.
private final class OutputFile: Sendable {
    private let path: String
    private let descriptor: Int32

    init(_ path: String) throws(EngineError) {
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        self.path = path
        guard descriptor >= 0 else { throw failure("create") }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private func failure(_ what: String) -> EngineError {
        EngineError(.io, "cannot \(what) \(path): \(unsafe String(cString: strerror(errno)))")
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(EngineError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { all in
                unsafe pwrite(
                    descriptor, UnsafeRawBufferPointer(rebasing: all[done...]).baseAddress, all.count - done,
                    off_t(offset + done))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("write") }
            done += count
        }
    }

    func sync() throws(EngineError) {
        guard fsync(descriptor) == 0 else { throw failure("write") }
    }
}
