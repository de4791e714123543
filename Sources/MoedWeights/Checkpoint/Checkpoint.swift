package import MoedCore

/// A Hugging Face model directory: configuration and tensors, headers checked, nothing loaded yet.
package struct Checkpoint: Sendable {
    package let directory: String
    package let configurationPath: String
    package let configuration: ModelConfiguration
    package let generationDefaults: GenerationDefaults
    private let files: [WeightFile]
    private let places: [String: Place]

    /// The files beside the weights that decide the model's behaviour.
    package static let smallFiles = [
        "config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
        "generation_config.json",
    ]
    /// The largest real one, a tokenizer.json, has 11 MB.
    package static let smallFileBytesMax = 256 << 20

    private struct Place: Sendable {
        var file: Int
        var entry: TensorEntry
    }

    /// Reads `config.json`, `generation_config.json` and the headers of `model.safetensors`, or of the shards
    /// that `model.safetensors.index.json` lists.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` or `(.unsupportedModel)`, naming file, tensor or field, and
    ///   reason.
    package static func open(_ directory: String) throws(EngineError) -> Checkpoint {
        try Checkpoint(directory: directory, configurationFile: "config.json")
    }

    /// As `open`, with a configuration of another name in the same directory.
    package init(directory: String, configurationFile: String) throws(EngineError) {
        self.directory = directory
        configurationPath = "\(directory)/\(configurationFile)"
        configuration = try ModelConfiguration(path: configurationPath)
        generationDefaults = try GenerationDefaults(path: "\(directory)/generation_config.json")
        if let index = try ShardIndex(directory: directory) {
            (files, places) = try Self.sharded(index, directory)
        } else {
            let file = try WeightFile("\(directory)/\(ShardIndex.singleFile)")
            files = [file]
            var places: [String: Place] = [:]
            for entry in try SafetensorsHeader(of: file).tensors {
                places[entry.name] = Place(file: 0, entry: entry)
            }
            self.places = places
        }
    }

    private static func sharded(
        _ index: ShardIndex, _ directory: String
    ) throws(EngineError) -> ([WeightFile], [String: Place]) {
        var files: [WeightFile] = []
        var places: [String: Place] = [:]
        for (number, name) in index.fileNames.enumerated() {
            let file = try WeightFile("\(directory)/\(name)")
            files.append(file)
            for entry in try SafetensorsHeader(of: file).tensors {
                guard index.file[entry.name] == name else {
                    let other = index.file[entry.name].map { "in \($0)" } ?? "nowhere"
                    throw EngineError(
                        .badCheckpoint, "\(file.path): tensor \(entry.name): the index has it \(other)")
                }
                places[entry.name] = Place(file: number, entry: entry)
            }
        }
        for (tensor, name) in index.file where places[tensor] == nil {
            throw EngineError(
                .badCheckpoint, "\(directory)/\(name): tensor \(tensor): in the index, not in the file")
        }
        return (files, places)
    }

    /// Changes when a file of the checkpoint does: of the small files the content counts, of the weights name, size
    /// and time.
    package func fingerprint() throws(EngineError) -> Digest {
        var parts: [Digest] = []
        for name in Self.smallFiles {
            let path = name == "config.json" ? configurationPath : "\(directory)/\(name)"
            let exists = WeightFile.exists(path)
            let bytes = exists ? try WeightFile.contents(of: path, limit: Self.smallFileBytesMax) : []
            parts += [Digest(Array("\(name) \(exists)".utf8)), Digest(bytes)]
        }
        for file in files {
            let name = file.path.split(separator: "/").last ?? ""
            parts.append(Digest(Array("\(name) \(file.byteCount) \(file.modified)".utf8)))
        }
        return Digest(parts: parts)
    }

    package var summary: CheckpointSummary { CheckpointSummary(configuration, weightBytes: byteCount) }

    package var tensors: [TensorEntry] { places.values.map(\.entry) }

    /// Bytes of all tensors on disk.
    package var byteCount: Int { places.values.reduce(0) { $0 + $1.entry.byteCount } }

    /// The weight `name`, which must have `shape`.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when it is missing or of another shape, `(.unsupportedModel)`
    ///   when its elements are not bf16, f16 or f32.
    package func weight(_ name: String, shape: [Int]) throws(EngineError) -> TensorEntry {
        guard let place = places[name] else {
            throw EngineError(.badCheckpoint, "\(directory): tensor \(name) is missing")
        }
        let entry = place.entry
        guard entry.shape == shape else {
            throw error(entry, "has shape \(entry.shape), but the configuration asks for \(shape)")
        }
        guard entry.type.isWeight else {
            throw EngineError(
                .unsupportedModel,
                "\(files[place.file].path): tensor \(name) is \(entry.type.rawValue); "
                    + "bf16, f16 and f32 are supported")
        }
        return entry
    }

    /// Reads bytes of a tensor of this checkpoint to the front of `buffer`.
    package func read(
        _ entry: TensorEntry, bytes: Range<Int>, into buffer: inout [UInt8]
    ) throws(EngineError) {
        guard let place = places[entry.name], place.entry == entry, bytes.upperBound <= entry.byteCount else {
            throw EngineError(.badCheckpoint, "\(directory): tensor \(entry.name): read past its end")
        }
        try files[place.file].read(bytes.count, at: entry.offset + bytes.lowerBound, into: &buffer)
    }

    /// An error about a tensor, naming its file.
    package func error(_ entry: TensorEntry, _ reason: String) -> EngineError {
        let path = places[entry.name].map { files[$0.file].path } ?? directory
        return EngineError(.badCheckpoint, "\(path): tensor \(entry.name) \(reason)")
    }
}

/// `model.safetensors.index.json`: which shard holds which tensor.
private struct ShardIndex {
    static let singleFile = "model.safetensors"
    /// A model of a million tensors would fit.
    static let byteCountMax = 200 << 20

    var file: [String: String] = [:]
    /// The shards in the order of their names.
    var fileNames: [String] { Set(file.values).sorted() }

    /// Nil when the checkpoint is a single file.
    init?(directory: String) throws(EngineError) {
        let path = "\(directory)/\(Self.singleFile).index.json"
        // Hugging Face's libraries look for the single file first.
        if WeightFile.exists("\(directory)/\(Self.singleFile)") { return nil }
        guard let object = try WeightFile.object(at: path, limit: Self.byteCountMax) else { return nil }
        guard let map = object["weight_map"]?.object else {
            throw EngineError(.badCheckpoint, "\(path): weight_map is missing or no object")
        }
        for member in map.members {
            guard let name = member.value.string, !name.isEmpty, !name.contains("/"), name != "..",
                name != "."
            else {
                throw EngineError(
                    .badCheckpoint, "\(path): tensor \(member.key.prefix(200)): not a file of the directory")
            }
            file[member.key] = name
        }
    }
}
