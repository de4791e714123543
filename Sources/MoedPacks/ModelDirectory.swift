package import MoedCore
package import MoedWeights

/// A model's weights: a Hugging Face checkpoint, a GGUF model or a pack.
package enum ModelDirectory: Sendable {
    case checkpoint(Checkpoint)
    case pack(Pack)

    /// Opens a directory or a GGUF file as what it is.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` or `(.unsupportedModel)`, naming file, tensor, blob or field, and
    ///   reason.
    package static func open(_ directory: String) throws(EngineError) -> ModelDirectory {
        try open(ModelFiles.open(directory))
    }

    /// As `open` for a path, of small files that are open.
    package static func open(_ files: ModelFiles) throws(EngineError) -> ModelDirectory {
        if files.isGGUF { return .checkpoint(try Checkpoint(files)) }
        try DirectoryContents.requireDirectory(files.path)
        return Pack.isPack(files.path) ? .pack(try Pack.open(files.path)) : .checkpoint(try Checkpoint(files))
    }

    package var configuration: ModelConfiguration {
        switch self {
        case .checkpoint(let checkpoint): checkpoint.configuration
        case .pack(let pack): pack.configuration
        }
    }

    package var summary: CheckpointSummary {
        switch self {
        case .checkpoint(let checkpoint): checkpoint.summary
        case .pack(let pack): CheckpointSummary(pack.configuration, weightBytes: pack.byteCount)
        }
    }
}
