package import MoedCore

/// A Hugging Face model directory or a GGUF model: configuration and tensors, headers checked, nothing loaded yet.
package struct Checkpoint: Sendable {
    package let modelFiles: ModelFiles
    /// `config.json`; `tiedEmbeddings` also says what the tensors are.
    package private(set) var configuration: ModelConfiguration
    package let generationDefaults: GenerationDefaults
    /// Nil when no file describes one.
    package let quantization: QuantizationDescription?
    private let files: [WeightFile]
    private let places: [ExactString: Place]
    private let index: ShardIndex?
    private let prefix: TensorPrefix
    private let use = TensorUse()

    private struct Place: Sendable {
        var file: Int
        var entry: TensorEntry
        /// Another file that has a tensor of this name.
        var otherFile: Int?
    }

    /// As `init`, for a path.
    package static func open(_ path: String) throws(EngineError) -> Checkpoint {
        try Checkpoint(ModelFiles.open(path))
    }

    /// Reads the configuration and the headers of `model.safetensors`, of the shards that
    /// `model.safetensors.index.json` lists, or of GGUF files.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` or `(.unsupportedModel)`, naming file, tensor or field, and
    ///   reason.
    package init(_ modelFiles: ModelFiles) throws(EngineError) {
        self.modelFiles = modelFiles
        let fields = try modelFiles.configuration()
        var configuration = try ModelConfiguration(fields)
        quantization = try QuantizationDescription.find(fields, directory: modelFiles.path)
        generationDefaults = try GenerationDefaults(modelFiles)
        if let gguf = modelFiles.gguf {
            (index, files, prefix) = (nil, gguf.files, .usual)
            places = Self.places(gguf.tensors, inner: GGUFNames.huggingFace)
        } else {
            index = try ShardIndex(directory: modelFiles.path)
            files = try Self.files(index, modelFiles.path)
            var tensors: [[TensorEntry]] = []
            for file in files { tensors.append(try SafetensorsHeader(of: file).tensors) }
            let prefix = TensorPrefix.found(in: tensors.flatMap { $0.map(\.name) })
            self.prefix = prefix
            places = Self.places(tensors, inner: prefix.inner)
        }
        // An embedding model may have no output matrix.
        let hasOutput = places[ExactString("lm_head.weight")] != nil || places[ExactString("lm_head.qweight")] != nil
        if !hasOutput, try modelFiles.contents("modules.json") != nil { configuration.tiedEmbeddings = true }
        self.configuration = configuration
        guard configuration.tiedEmbeddings, let ownOutput = try ownOutput() else { return }
        configuration.tiedEmbeddings = false
        configuration.remarks.append(
            "tie_word_embeddings is true, but \(ownOutput) differs from \(prefix.stored(Self.embedding)): "
                + "the output matrix is \(ownOutput), as in transformers")
        self.configuration = configuration
    }

    /// The tensors of all files by the names inside of moed.
    private static func places(
        _ tensors: [[TensorEntry]], inner: (String) -> String
    ) -> [ExactString: Place] {
        var places: [ExactString: Place] = [:]
        for (number, entries) in tensors.enumerated() {
            for var entry in entries {
                entry.name = inner(entry.name)
                let name = ExactString(entry.name)
                if places[name] != nil {
                    places[name]?.otherFile = number
                } else {
                    places[name] = Place(file: number, entry: entry)
                }
            }
        }
        return places
    }

    private static func files(_ index: ShardIndex?, _ directory: String) throws(EngineError) -> [WeightFile] {
        guard let index else {
            do { return [try WeightFile("\(directory)/\(ShardIndex.singleFile)")] } catch {
                let hint = DirectoryContents.hint(directory, missing: ShardIndex.singleFile)
                throw EngineError(error.code, error.message + hint)
            }
        }
        var files: [WeightFile] = []
        for name in index.fileNames {
            do { files.append(try WeightFile("\(directory)/\(name)")) } catch {
                throw EngineError(
                    error.code, "\(error.message). model.safetensors.index.json names it: the download is incomplete")
            }
        }
        return files
    }

    /// Digest of the contents of all files. Copies of a checkpoint have the same one.
    ///
    /// - Parameters:
    ///   - known: digests of files that were read before; gets the new ones.
    ///   - progress: receives the bytes read so far and in all.
    package func fingerprint(
        _ known: inout KnownDigests, progress: (Int, Int) -> Void = { _, _ in }
    ) throws(EngineError) -> Digest {
        var parts: [Digest] = []
        // The metadata of a GGUF file are part of its contents.
        for (name, digest) in try modelFiles.digests() { parts += [Digest(Array(name.utf8)), digest] }
        let total = files.reduce(0) { $0 + $1.byteCount }
        var done = 0
        for file in files {
            let name = file.path.split(separator: "/").last ?? ""
            let start = done
            let digest = try known.digest(of: file) { progress(start + $0, total) }
            done += file.byteCount
            parts += [Digest(Array("\(name) \(file.byteCount)".utf8)), digest]
        }
        return Digest(parts: parts)
    }

    package var summary: CheckpointSummary { CheckpointSummary(configuration, weightBytes: byteCount) }

    /// With names that begin with `model.` and `lm_head.`, whatever the files have in their place.
    package var tensors: [TensorEntry] { places.values.map(\.entry) }

    /// The name of a tensor in its file.
    func storedName(_ name: String) -> String { prefix.stored(name) }

    /// Bytes of all tensors on disk.
    package var byteCount: Int { places.values.reduce(0) { $0 + $1.entry.byteCount } }

    /// True when some weights are codes with scales.
    package var isQuantised: Bool {
        quantization != nil
            || places.values.contains { $0.entry.blocks != nil || $0.entry.type == .f8e4m3 || $0.entry.type == .i8 }
    }

    /// True when there is a tensor of this name.
    func has(_ name: String) -> Bool { places[ExactString(name)] != nil }

    /// True when the tensor was asked for.
    func isUsed(_ name: String) -> Bool { use.contains(name) }

    /// The weight `name`, which must have `shape`.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when it is missing, of another shape or there twice,
    ///   `(.unsupportedModel)` when its elements are not bf16, f16 or f32.
    package func weight(_ name: String, shape: [Int]) throws(EngineError) -> TensorEntry {
        guard let entry = try tensor(name) else { throw missing(name) }
        guard entry.shape == shape else {
            throw error(entry, "has shape \(entry.shape), but the configuration asks for \(shape)")
        }
        guard entry.isPlainWeight else {
            throw EngineError(
                .unsupportedModel,
                error(entry, "is \(entry.typeName); bf16, f16 and f32 are supported here").message)
        }
        return entry
    }

    /// The tensor `name`, which counts as used; nil when there is none.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when two files have it.
    func tensor(_ name: String) throws(EngineError) -> TensorEntry? {
        guard let place = places[ExactString(name)] else { return nil }
        if let other = place.otherFile {
            throw error(place.entry, "is in \(files[other].path), too: only one of them can be right")
        }
        use.note(name)
        return place.entry
    }

    /// Counts a tensor as used, if there is one.
    func note(_ name: String) { use.note(name) }

    private func missing(_ name: String) -> EngineError {
        let stored = prefix.stored(name)
        let hint = MissingTensor.hint(stored, among: places.keys.map { prefix.stored($0.text) })
        let indexed = index?.file[ExactString(stored)].map { ". The index has it in \($0), which does not" }
        return EngineError(
            .badCheckpoint, "\(modelFiles.path): tensor \(stored) is missing\(hint.isEmpty ? indexed ?? "" : hint)")
    }

    /// Reads bytes of a tensor of this checkpoint to the front of `buffer`.
    package func read(
        _ entry: TensorEntry, bytes: Range<Int>, into buffer: inout [UInt8]
    ) throws(EngineError) {
        guard let place = places[ExactString(entry.name)], place.entry == entry,
            bytes.upperBound <= entry.byteCount
        else {
            throw error(entry, "is read past its end")
        }
        try files[place.file].read(bytes.count, at: entry.offset + bytes.lowerBound, into: &buffer)
    }

    /// An error about a tensor, naming its file.
    package func error(_ entry: TensorEntry, _ reason: String) -> EngineError {
        let path = places[ExactString(entry.name)].map { files[$0.file].path } ?? modelFiles.path
        return EngineError(.badCheckpoint, "\(path): tensor \(prefix.stored(entry.name)) \(reason)")
    }
}

// MARK: Tied embeddings

extension Checkpoint {
    static let embedding = "model.embed_tokens.weight"
    static let output = "lm_head.weight"
    private static let comparedBytes = 4 << 20

    /// Name of the output matrix of a model of tied embeddings that has one of its own. Equal copies are one matrix.
    private func ownOutput() throws(EngineError) -> String? {
        for ending in QuantizedMatrix.packedEndings where has("lm_head.\(ending)") {
            return prefix.stored("lm_head.\(ending)")
        }
        guard let second = places[ExactString(Self.output)]?.entry else { return nil }
        let name = prefix.stored(Self.output)
        guard let first = places[ExactString(Self.embedding)]?.entry else {
            return QuantizedMatrix.packedEndings.contains { has("model.embed_tokens.\($0)") } ? name : nil
        }
        // Equal codes may have other scales.
        let isWhole = first.isPlainWeight || first.blocks != nil
        guard isWhole, first.typeName == second.typeName, first.shape == second.shape else { return name }
        var (one, other) = (
            [UInt8](repeating: 0, count: min(Self.comparedBytes, first.byteCount)),
            [UInt8](repeating: 0, count: min(Self.comparedBytes, first.byteCount))
        )
        for start in stride(from: 0, to: first.byteCount, by: Self.comparedBytes) {
            let range = start..<min(start + Self.comparedBytes, first.byteCount)
            try read(first, bytes: range, into: &one)
            try read(second, bytes: range, into: &other)
            guard one == other else { return name }
        }
        use.note(Self.output)
        return nil
    }
}
