package import MoedCore

/// The small files of a model: configuration, tokenizer, chat template, sampling defaults. The metadata of a GGUF file
/// stand for them.
package struct ModelFiles: Sendable {
    /// The model's directory, or the first file of a GGUF model.
    package let path: String
    /// Name of the configuration in the directory.
    package let configurationName: String
    let gguf: GGUFModel?
    package var isGGUF: Bool { gguf != nil }
    private let directory: String
    /// Contents that metadata stand for, by name.
    private let made: [String: [UInt8]]
    /// Names of files that win over metadata.
    private let winners: Set<String>

    /// The files that decide the model's behaviour.
    package static let names =
        ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"]
        + QuantizationDescription.files.map(\.name) + ["modules.json", "pooling.json"]
    /// The largest real one, a tokenizer.json, has 11 MB.
    package static let byteCountMax = 256 << 20

    /// Opens a directory, or a GGUF file with the other files of its model.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` or `(.unsupportedModel)` naming file, key and reason.
    package static func open(_ path: String) throws(EngineError) -> ModelFiles {
        guard GGUFModel.isGGUF(path) else { return ModelFiles(directory: path) }
        return try ModelFiles(GGUFModel(path))
    }

    package init(directory: String, configurationName: String = "config.json") {
        path = directory
        self.directory = directory
        self.configurationName = configurationName
        gguf = nil
        made = [:]
        winners = []
    }

    private init(_ model: GGUFModel) throws(EngineError) {
        path = model.path
        let parts = model.path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        directory = parts.isEmpty ? "." : parts.joined(separator: "/")
        configurationName = "config.json"
        gguf = model
        // A tokenizer beside the file is complete: its companions belong to it.
        let text = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]
        var winners: Set<String> = WeightFile.exists("\(directory)/\(text[0])") ? Set(text) : []
        if WeightFile.exists("\(directory)/generation_config.json") { winners.insert("generation_config.json") }
        self.winners = winners
        made = try GGUFFiles(model).files(exceptTokenizer: winners.contains(text[0]))
    }

    /// The place of a file for messages.
    package func path(of name: String) -> String {
        if gguf != nil, !winners.contains(name) { return "\(path) (as \(name))" }
        // A pack has no folders.
        let pooling = "\(directory)/1_Pooling/config.json"
        if name == "pooling.json", WeightFile.exists(pooling) { return pooling }
        return "\(directory)/\(name == "config.json" ? configurationName : name)"
    }

    /// A file's bytes; nil when there is none.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when it exists and cannot be read.
    package func contents(_ name: String) throws(EngineError) -> [UInt8]? {
        if gguf != nil, !winners.contains(name) { return made[name] }
        let path = path(of: name)
        guard WeightFile.exists(path) else { return nil }
        return try WeightFile.contents(of: path, limit: Self.byteCountMax)
    }

    /// A file's bytes.
    ///
    /// - Throws: as `contents`, and when there is none.
    package func require(_ name: String) throws(EngineError) -> [UInt8] {
        if let bytes = try contents(name) { return bytes }
        throw EngineError(.badCheckpoint, "\(path(of: name)): no such file; is \(path) a Hugging Face checkpoint?")
    }

    /// The members of a JSON file; nil when there is none.
    func fields(_ name: String) throws(EngineError) -> ConfigurationFields? {
        let path = path(of: name)
        guard let bytes = try contents(name) else { return nil }
        return ConfigurationFields(path: path, object: try WeightFile.object(bytes, path: path))
    }

    /// `config.json`.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when it is missing or no object.
    func configuration() throws(EngineError) -> ConfigurationFields {
        if gguf == nil { return try ModelConfiguration.fields(at: path(of: "config.json")) }
        guard let fields = try fields("config.json") else {
            throw EngineError(.badCheckpoint, "\(path) has no configuration")
        }
        return fields
    }

    /// Digests of the files that the model has, by name.
    package func digests() throws(EngineError) -> [(name: String, digest: Digest)] {
        var digests: [(name: String, digest: Digest)] = []
        for name in Self.names {
            guard let bytes = try contents(name) else { continue }
            digests.append((name, Digest(bytes)))
        }
        return digests
    }
}

extension ModelConfiguration {
    /// As `init(path:)`.
    package init(_ files: ModelFiles) throws(EngineError) { try self.init(files.configuration()) }
}

extension GenerationDefaults {
    /// As `init(path:)`.
    package init(_ files: ModelFiles) throws(EngineError) {
        self.init()
        if let fields = try files.fields("generation_config.json") { try read(fields) }
    }
}
