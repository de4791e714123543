package import MoedCore
package import MoedWeights

/// A pack: a model directory whose weights are stored as the kernels read them, so that loading is reading.
///
/// Opened means: the manifest is whole and understood, the copied files are the ones that were packed, the weight
/// files have the right sizes. The weights themselves are checked, digest by digest, as they are read.
package struct Pack: Sendable {
    package let directory: String
    package let manifest: PackManifest
    /// `config.json`; `tiedEmbeddings` also says what the blobs are.
    package let configuration: ModelConfiguration
    private let files: [PackManifest.WeightFileName: WeightFile]
    private let blobs: [ExactString: PackManifest.Blob]

    /// Taken over from the checkpoint if it has them; `config.json` it must have.
    package static let copiedFiles = ModelFiles.names
    package static let copiedBytesMax = ModelFiles.byteCountMax
    /// A part is held in memory whole while it is written or verified.
    package static let partBytesMax = 1 << 32
    /// Experts begin at multiples of it, in their file and in memory: O_DIRECT and huge mappings need whole pages.
    package static let expertAlignment = 4096
    /// Matrices begin at multiples of it, in their file and in memory: a cache line.
    package static let matrixAlignment = 64

    /// True when a directory is a pack, whole or in pieces, rather than a checkpoint.
    package static func isPack(_ directory: String) -> Bool {
        WeightFile.exists("\(directory)/\(PackManifest.fileName)")
            || PackManifest.WeightFileName.allCases.contains {
                WeightFile.exists("\(directory)/\($0.rawValue)")
            }
    }

    /// - Throws: `EngineError(.badCheckpoint)` or `(.unsupportedModel)`, naming file, field or blob, and reason.
    package static func open(_ directory: String) throws(EngineError) -> Pack { try Pack(directory) }

    private init(_ directory: String) throws(EngineError) {
        let path = "\(directory)/\(PackManifest.fileName)"
        guard WeightFile.exists(path) else {
            throw EngineError(.badCheckpoint, "\(path) is missing: the pack was not completed")
        }
        self.directory = directory
        let manifest = try PackManifest(
            try WeightFile.contents(of: path, limit: PackManifest.byteCountMax), path: path)
        self.manifest = manifest
        try Self.checkCopies(manifest, directory)
        var configuration = try ModelConfiguration(path: "\(directory)/config.json")
        guard configuration.architecture == manifest.architecture else {
            throw EngineError(.badCheckpoint, "\(path): architecture contradicts config.json")
        }
        var files: [PackManifest.WeightFileName: WeightFile] = [:]
        for name in PackManifest.WeightFileName.allCases {
            let file = try WeightFile("\(directory)/\(name.rawValue)")
            let expected = manifest.byteCount(of: name)
            guard file.byteCount == expected else {
                throw EngineError(
                    .badCheckpoint,
                    "\(file.path) has \(file.byteCount) bytes, but the manifest says \(expected)")
            }
            files[name] = file
        }
        self.files = files
        blobs = Dictionary(manifest.blobs.map { (ExactString($0.name), $0) }) { first, _ in first }
        if manifest.copies.contains(where: { $0.name == "modules.json" }) { configuration.tiedEmbeddings = true }
        // A checkpoint whose output matrix differs from its embedding is packed with both.
        if blobs[ExactString("lm_head")] != nil { configuration.tiedEmbeddings = false }
        self.configuration = configuration
    }

    private static func checkCopies(_ manifest: PackManifest, _ directory: String) throws(EngineError) {
        for name in copiedFiles {
            let path = "\(directory)/\(name)"
            guard let copy = manifest.copies.first(where: { $0.name == name }) else {
                // A template laid beside the others would change what the model is asked.
                guard !WeightFile.exists(path) else {
                    throw EngineError(.badCheckpoint, "\(path) is not in the manifest: it was added later")
                }
                continue
            }
            let bytes = try WeightFile.contents(of: path, limit: copiedBytesMax)
            guard bytes.count == copy.byteCount, Digest(bytes) == copy.digest else {
                throw EngineError(.badCheckpoint, "\(path) is not what was packed: damaged or edited")
            }
        }
        guard manifest.copies.contains(where: { $0.name == "config.json" }) else {
            throw EngineError(
                .badCheckpoint, "\(directory)/\(PackManifest.fileName): config.json is not listed")
        }
    }

    /// Bytes of both weight files.
    package var byteCount: Int {
        PackManifest.WeightFileName.allCases.reduce(0) { $0 + manifest.byteCount(of: $1) }
    }

    /// - Throws: `EngineError(.badCheckpoint)` when there is no such blob.
    package func format(of name: String) throws(EngineError) -> String {
        guard let blob = blobs[ExactString(name)] else { throw missing(name) }
        return blob.format
    }

    private func missing(_ name: String) -> EngineError { error(inManifest: "blob \(name) is missing") }

    package func error(inManifest reason: String) -> EngineError {
        EngineError(.badCheckpoint, "\(directory)/\(PackManifest.fileName): \(reason)")
    }

    /// - Throws: `EngineError(.badCheckpoint)` when there is no such blob, or not of that file, size and format.
    package func blob(
        _ name: String, in file: PackManifest.WeightFileName, format: String, byteCount: Int
    ) throws(EngineError) -> PackManifest.Blob {
        guard let blob = blobs[ExactString(name)] else { throw missing(name) }
        guard blob.file == file, blob.format == format, blob.byteCount == byteCount else {
            throw error(
                blob,
                "is \(blob.format) of \(blob.byteCount) bytes, but the configuration asks for \(format) of "
                    + "\(byteCount) bytes in \(file.rawValue)")
        }
        return blob
    }

    package func error(_ blob: PackManifest.Blob, _ reason: String) -> EngineError {
        EngineError(.badCheckpoint, "\(directory)/\(blob.file.rawValue): blob \(blob.name) \(reason)")
    }
}

// MARK: Reading

extension Pack {
    /// Reads one part of a blob (a range of its `parts`) to `memory` and returns its digest.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` naming the file.
    package func readPart(
        _ range: Range<Int>, of blob: PackManifest.Blob, to memory: UnsafeMutableRawPointer
    ) throws(EngineError) -> Digest {
        guard let file = files[blob.file] else { throw error(blob, "has no file") }
        let target = unsafe UnsafeMutableRawBufferPointer(start: memory, count: range.count)
        try unsafe file.read(into: target, at: range.lowerBound)
        return unsafe Digest(UnsafeRawBufferPointer(target))
    }

    /// Takes a weight file that has been read out of the page cache, whose copy would lie beside the one in memory.
    package func forget(_ file: PackManifest.WeightFileName) { files[file]?.forget() }

    /// - Parameter parts: of the blob as read, in order.
    /// - Throws: `EngineError(.badCheckpoint)` when they are not what was written.
    package func check(_ blob: PackManifest.Blob, parts: [Digest]) throws(EngineError) {
        guard Digest(parts: parts) == blob.digest else {
            throw error(blob, "at byte \(blob.offset) is damaged: its digest does not match")
        }
    }

    /// A norm, stored as little-endian f32.
    package func vector(_ name: String, count: Int) throws(EngineError) -> [Float] {
        let padded = (count * 4).rounded(upTo: Self.matrixAlignment)
        let blob = try blob(name, in: .dense, format: "f32", byteCount: padded)
        guard let file = files[blob.file] else { throw error(blob, "has no file") }
        var bytes = [UInt8](repeating: 0, count: padded)
        try file.read(padded, at: blob.offset, into: &bytes)
        try check(blob, parts: [Digest(bytes)])
        let values = (0..<count).map { index in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[index * 4 + $1]) << UInt32(8 * $1) })
        }
        guard values.allSatisfy(\.isFinite) else {
            throw error(blob, "has a value that is infinite or not a number")
        }
        return values
    }
}
