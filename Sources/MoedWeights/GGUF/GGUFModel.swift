import MoedCore

/// The files of a GGUF model with their headers: one file, or a split one named by its first part.
package struct GGUFModel: Sendable {
    /// Path of the first file.
    package let path: String
    let files: [WeightFile]
    /// Metadata of the first file.
    let metadata: [ExactString: JSONValue]
    /// Tensors by file.
    let tensors: [[TensorEntry]]

    /// True for a regular file that begins as a GGUF file does.
    package static func isGGUF(_ path: String) -> Bool {
        guard let file = try? WeightFile(path), file.byteCount >= 4 else { return false }
        var start = [UInt8](repeating: 0, count: 4)
        guard (try? file.read(4, at: 0, into: &start)) != nil else { return false }
        return start == Array("GGUF".utf8)
    }

    /// False for a file that ends before its last tensor does.
    package static func isWhole(_ file: WeightFile) -> Bool { (try? GGUFHeader(file)) != nil }

    /// Reads the headers of all files.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` or `(.unsupportedModel)` naming file, key or tensor, and reason.
    init(_ path: String) throws(EngineError) {
        self.path = path
        let first = try WeightFile(path)
        let header = try GGUFHeader(first)
        metadata = header.metadata
        let count = header.metadata[ExactString("split.count")]?.integer ?? 1
        guard (1...10_000).contains(count) else {
            throw EngineError(.badCheckpoint, "\(path): split.count is \(count)")
        }
        guard count > 1 else {
            files = [first]
            tensors = [header.tensors]
            return
        }
        let number = header.metadata[ExactString("split.no")]?.integer ?? 0
        guard number == 0 else {
            throw EngineError(
                .badCheckpoint,
                "\(path) is part \(number + 1) of \(count): name the first part, "
                    + "\(Self.part(0, of: count, path) ?? "…-00001-of-…gguf")")
        }
        var files = [first]
        var tensors = [header.tensors]
        for index in 1..<count {
            guard let name = Self.part(index, of: count, path) else {
                throw EngineError(
                    .badCheckpoint,
                    "\(path) is the first of \(count) parts, but its name does not end in -00001-of-…: "
                        + "keep the names of a split model's files")
            }
            let (file, entries) = try Self.read(name, index, of: count)
            files.append(file)
            tensors.append(entries)
        }
        if let total = header.metadata[ExactString("split.tensors.count")]?.integer {
            let found = tensors.reduce(0) { $0 + $1.count }
            guard found == total else {
                throw EngineError(.badCheckpoint, "\(path): its parts have \(found) tensors, but should have \(total)")
            }
        }
        self.files = files
        self.tensors = tensors
    }

    private static func read(
        _ path: String, _ index: Int, of count: Int
    ) throws(EngineError) -> (WeightFile, [TensorEntry]) {
        let file: WeightFile
        do { file = try WeightFile(path) } catch {
            throw EngineError(error.code, "\(error.message). The model has \(count) parts: the download is incomplete")
        }
        let header = try GGUFHeader(file)
        guard header.metadata[ExactString("split.no")]?.integer == index,
            header.metadata[ExactString("split.count")]?.integer == count
        else {
            throw EngineError(
                .badCheckpoint, "\(path) is not part \(index + 1) of \(count): it belongs to another model")
        }
        return (file, header.tensors)
    }

    /// The path of another part: `name-00001-of-00003.gguf` with another number. Nil when the name is no part's.
    private static func part(_ index: Int, of count: Int, _ path: String) -> String? {
        func digits(_ number: Int) -> String {
            let text = "\(number)"
            return String(repeating: "0", count: max(0, 5 - text.utf8.count)) + text
        }
        let ending = Array("-of-\(digits(count)).gguf".utf8)
        let bytes = Array(path.utf8)
        guard bytes.count > ending.count + 6, bytes.suffix(ending.count) == ending[...] else { return nil }
        let stem = bytes.dropLast(ending.count + 5)
        guard stem.last == UInt8(ascii: "-") else { return nil }
        return String(decoding: Array(stem) + Array(digits(index + 1).utf8) + ending, as: UTF8.self)
    }
}
