package import MoedAdapters
import MoedCore
package import MoedEngine
package import MoedPacks
package import MoedPreparation
import MoedWeights

/// A model whose small files, headers and names are read and found in order; weights are not read. Opening finds all
/// that keeps a model from being loaded, but for damaged weights and too little memory.
package struct OpenedModel {
    package let source: ModelDirectory
    /// Small files of the opened path, from which the pack of a pack cache may have come.
    let files: ModelFiles
    package let text: TextSide
    package let unloaded: UnloadedModel
    package let adapters: [NamedAdapter]

    /// - Throws: `EngineError` or `TextError` naming file, tensor, blob or field, and reason.
    package static func open(_ options: ModelOptions) throws -> OpenedModel {
        try open(options) { source in source }
    }

    /// - Parameter packing: exchanges a checkpoint for its pack.
    static func open(
        _ options: ModelOptions, packing: (ModelDirectory) throws -> ModelDirectory
    ) throws -> OpenedModel {
        let files = try ModelFiles.open(options.directory)
        let opened = try ModelDirectory.open(files)
        let text = try TextSide(files)
        let source = try packing(opened)
        let formats = options.formats
        if case .pack(let pack) = source { try formats.check(pack) }
        let (experts, dense) = formats.formats(of: source)
        var unloaded = try UnloadedModel(source, experts: experts, dense: dense)
        let adapters = try AdapterOption.open(options.adapters, for: source.configuration)
        try unloaded.attach(adapters)
        return OpenedModel(source: source, files: files, text: text, unloaded: unloaded, adapters: adapters)
    }

    /// Sentences about members and tensors that have no effect, and about defaults taken.
    package var remarks: [String] {
        var remarks = source.configuration.remarks + text.remarks
        if case .checkpoint(let checkpoint) = source, let unused = checkpoint.unusedTensors { remarks.append(unused) }
        return remarks
    }
}
