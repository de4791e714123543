import Glibc
import MoedCore
// `stat` comes from this module of the toolchain where another file of the target imports it.
import SwiftOverlayShims

/// The directory of a pack that is being written: `NAME.partial-PID`.
///
/// A file in it marks it as moed's own, and the open directory carries a lock. So a run removes neither somebody else's
/// directory nor one that another run is writing. All files are removed through the descriptor, whatever the path has
/// become meanwhile.
final class PartialPack {
    /// Name and text of the mark.
    private static let mark = (name: ".moed-partial", text: "moed pack: not completed\n")

    let name: String
    let descriptor: Int32
    private let parent: Int32

    /// Makes the directory, locks and marks it.
    ///
    /// - Throws: `EngineError(.io)` naming the path.
    init(_ name: String, in folder: String) throws(EngineError) {
        func error(_ what: String) -> EngineError {
            EngineError(.io, "cannot \(what) \(folder)/\(name): \(unsafe String(cString: strerror(errno)))")
        }
        let parent = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { throw error("create") }
        guard unsafe mkdirat(parent, name, 0o755) == 0 else {
            defer { close(parent) }
            throw error("create")
        }
        let descriptor = unsafe openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0, Self.setMark(in: descriptor) else {
            let failure = error("lock")
            if descriptor >= 0 { close(descriptor) }
            unsafe unlinkat(parent, name, AT_REMOVEDIR)
            close(parent)
            throw failure
        }
        self.name = name
        self.descriptor = descriptor
        self.parent = parent
    }

    /// Takes over a directory that a dead run left; nil when it is not that.
    private init?(abandoned name: String, in parent: Int32) {
        let descriptor = unsafe openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        let isAbandoned =
            unsafe fstat(descriptor, &status) == 0 && status.st_uid == geteuid()
            && flock(descriptor, LOCK_EX | LOCK_NB) == 0 && Self.isMarked(descriptor)
        let kept = dup(parent)
        guard isAbandoned, kept >= 0 else {
            close(descriptor)
            if kept >= 0 { close(kept) }
            return nil
        }
        self.name = name
        self.descriptor = descriptor
        self.parent = kept
    }

    deinit {
        close(descriptor)
        close(parent)
    }

    /// Removes the directories that dead runs of the same pack left.
    static func removeAbandoned(of pack: String, in folder: String) {
        let parent = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { return }
        defer { close(parent) }
        for name in names(in: folder) where name.hasPrefix("\(pack).partial-") {
            PartialPack(abandoned: name, in: parent)?.remove()
        }
    }

    /// Removes the files that a pack may have, and the directory if nothing else is in it.
    func remove() {
        let names =
            PackManifest.WeightFileName.allCases.map(\.rawValue) + Pack.copiedFiles
            + [PackManifest.fileName, Self.mark.name]
        for name in names { unsafe unlinkat(descriptor, name, 0) }
        unsafe unlinkat(parent, name, AT_REMOVEDIR)
    }

    /// Removes the mark: the directory becomes a pack.
    func unmark() { unsafe unlinkat(descriptor, Self.mark.name, 0) }

    private static func setMark(in directory: Int32) -> Bool {
        let file = unsafe openat(
            directory, mark.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard file >= 0 else { return false }
        defer { close(file) }
        let bytes = Array(mark.text.utf8)
        return unsafe write(file, bytes, bytes.count) == bytes.count
    }

    private static func isMarked(_ directory: Int32) -> Bool {
        let file = unsafe openat(directory, mark.name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else { return false }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid()
        else {
            return false
        }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = unsafe read(file, &bytes, bytes.count)
        return count >= 0 && bytes.prefix(count).elementsEqual(mark.text.utf8)
    }

    static func names(in directory: String) -> [String] {
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
