import Glibc
package import MoedCore

/// A pack being written: a directory beside its place, renamed to it when everything is on disk.
///
/// An end of the process before that leaves `NAME.partial-…`. It has no manifest before all weights are on disk, so
/// nothing takes it for a pack. The next run removes it. The open directory carries a lock: a run never removes the
/// directory that another run is writing.
package final class PackDestination {
    package let path: String
    package let partialPath: String
    private let lock: Int32
    private var files: [PackManifest.WeightFileName: OutputFile] = [:]
    private var isPublished = false

    /// Makes the partial directory and its empty weight files.
    ///
    /// - Throws: `EngineError(.io)` naming the path; also when `path` exists already.
    package init(_ path: String) throws(EngineError) {
        guard let path = Self.absolute(path) else { throw EngineError(.io, "cannot pack to “\(path)”") }
        guard !WeightFile.exists(path) else {
            throw EngineError(.io, "\(path) exists already: remove it, or pack to another place")
        }
        Self.removeAbandoned(beside: path)
        let partial = "\(path).partial-\(getpid())"
        guard unsafe mkdir(partial, 0o755) == 0 else {
            throw EngineError(.io, "cannot create \(partial): \(Self.reason)")
        }
        let lock = unsafe open(partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let reason = Self.reason
            if lock >= 0 { close(lock) }
            unsafe rmdir(partial)
            throw EngineError(.io, "cannot lock \(partial): \(reason)")
        }
        self.path = path
        partialPath = partial
        self.lock = lock
        for name in PackManifest.WeightFileName.allCases {
            files[name] = try OutputFile("\(partial)/\(name.rawValue)")
        }
    }

    deinit {
        files = [:]
        if !isPublished { Self.removePack(partialPath) }
        close(lock)
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
        guard fsync(lock) == 0 else { throw EngineError(.io, "cannot write \(partialPath): \(Self.reason)") }
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

    /// Removes the partial directories of runs that are no longer there.
    private static func removeAbandoned(beside path: String) {
        let parent = parent(of: path)
        let prefix =
            path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...] + ".partial-"
        for name in names(in: parent) where name.hasPrefix(prefix) {
            let partial = "\(parent)/\(name)"
            let descriptor = unsafe open(partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { removePack(partial) }
            close(descriptor)
        }
    }

    /// Removes the files that a pack may have, and the directory if nothing else is in it.
    private static func removePack(_ directory: String) {
        let names =
            PackManifest.WeightFileName.allCases.map(\.rawValue) + Pack.copiedFiles + [PackManifest.fileName]
        for name in names { unsafe unlink("\(directory)/\(name)") }
        unsafe rmdir(directory)
    }

    private static func names(in directory: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            names.append(
                unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                })
        }
        return names
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
