import Glibc
package import MoedCore

/// Digests of the contents of large files, kept in a file so that each is read whole only once.
///
/// A file is recognised by its inode, size and times, and by samples of its contents: images with equal times and
/// inodes may hold other weights. A file that was changed a moment ago is not recorded.
package struct KnownDigests {
    /// Maximum number of recorded files; the oldest go first.
    private static let countMax = 4096
    private static let partBytes = 16 << 20
    /// Number and size of the samples of a file. The header of a safetensors file lies in the first one.
    private static let (samples, sampleBytes) = (64, 4096)
    /// Age in nanoseconds from which a file counts as at rest: times are no finer than a tick of the system.
    private static let restingAge = 2_000_000_000

    private struct Entry {
        var key: Digest
        var digest: Digest
    }

    private let path: String
    private var entries: [Entry] = []
    private var hasChanged = false
    private let now: Int

    /// - Parameters:
    ///   - path: file of the record; it need not exist. What cannot be read of it is left out.
    ///   - now: current time in nanoseconds since 1970.
    package init(_ path: String, now: Int) {
        self.path = path
        self.now = now
        guard WeightFile.exists(path), let bytes = try? WeightFile.contents(of: path, limit: 1 << 20) else { return }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let words = String(decoding: line, as: UTF8.self).split(separator: " ").map { Digest(String($0)) }
            guard words.count == 2, let key = words[0], let digest = words[1] else { continue }
            entries.append(Entry(key: key, digest: digest))
        }
    }

    /// Digest of a file's contents, read now or recorded before.
    ///
    /// - Parameter progress: receives the bytes read so far.
    package mutating func digest(of file: WeightFile, progress: (Int) -> Void) throws(EngineError) -> Digest {
        let key = try Self.key(of: file)
        if let entry = entries.last(where: { $0.key == key }) { return entry.digest }
        var parts: [Digest] = []
        var buffer = [UInt8](repeating: 0, count: min(Self.partBytes, file.byteCount))
        for start in stride(from: 0, to: file.byteCount, by: Self.partBytes) {
            let count = min(Self.partBytes, file.byteCount - start)
            try file.read(count, at: start, into: &buffer)
            parts.append(Digest(count == buffer.count ? buffer : Array(buffer[..<count])))
            progress(start + count)
        }
        let digest = Digest(parts: parts)
        if now &- file.status.changed >= Self.restingAge {
            entries.append(Entry(key: key, digest: digest))
            hasChanged = true
        }
        return digest
    }

    private static func key(of file: WeightFile) throws(EngineError) -> Digest {
        let status = file.status
        var parts = [
            Digest(Array("\(status.inode) \(file.byteCount) \(status.modified) \(status.changed)".utf8))
        ]
        let count = min(sampleBytes, file.byteCount)
        var buffer = [UInt8](repeating: 0, count: count)
        for sample in 0..<samples {
            // The first sample is at the start, and the last one at the end.
            let offset = Int(Double(file.byteCount - count) * Double(sample) / Double(samples - 1))
            try file.read(count, at: offset, into: &buffer)
            parts.append(Digest(buffer))
        }
        return Digest(parts: parts)
    }

    /// Writes new digests to the file. Failing is no error: the files are read again then.
    package func save() {
        guard hasChanged else { return }
        let text = entries.suffix(Self.countMax).map { "\($0.key) \($0.digest)\n" }.joined()
        let partial = "\(path).\(getpid())"
        let descriptor = unsafe open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { return }
        let bytes = Array(text.utf8)
        let written = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        guard close(descriptor) == 0, written == bytes.count, unsafe rename(partial, path) == 0 else {
            unsafe unlink(partial)
            return
        }
    }
}
