package import MoedCore

/// A model's weights: a Hugging Face checkpoint, a GGUF model or a pack.
package enum ModelDirectory: Sendable {
    case checkpoint(Checkpoint)
    case pack(Pack)

    /// Opens a directory or a GGUF file as what it is.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` or `(.unsupportedModel)`, naming file, tensor, blob or field, and
    ///   reason.
    package static func open(_ directory: String) throws(EngineError) -> ModelDirectory {
        if GGUFModel.isGGUF(directory) { return .checkpoint(try Checkpoint.open(directory)) }
        try DirectoryContents.requireDirectory(directory)
        return Pack.isPack(directory) ? .pack(try Pack.open(directory)) : .checkpoint(try Checkpoint.open(directory))
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
