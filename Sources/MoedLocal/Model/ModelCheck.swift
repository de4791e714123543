import MoedEngine
import MoedHost
import MoedPacks
import MoedPreparation
import MoedText
import MoedWeights

/// Everything that can keep a model from loading, found without reading its weights.
package enum ModelCheck {
    /// Goes the way of `ModelRunner.load` up to the weights.
    ///
    /// - Returns: the model in one line, and `OpenedModel.remarks`.
    /// - Throws: the errors of `ModelRunner.load`.
    package static func run(_ options: ModelOptions) throws -> (line: String, remarks: [String]) {
        let opened = try OpenedModel.open(options)
        var model = opened.unloaded
        if case .checkpoint(let checkpoint) = opened.source, let path = options.packCache {
            // The tensors are those of the checkpoint; the memory is that of the pack.
            let cache = PackCache(directory: path)
            let (experts, dense) = options.formats.formats(of: opened.source)
            if let pack = try cache.existing(checkpoint, experts: experts, dense: dense) {
                try options.formats.check(pack)
                model = try UnloadedModel(.pack(pack), experts: experts, dense: dense)
            } else {
                try cache.checkPlace()
                model = try UnloadedModel(shape: checkpoint.configuration, experts: experts, dense: dense)
            }
        }
        try model.attach(opened.adapters)
        let threads = options.threads > 0 ? options.threads : Host.physicalCores
        try EngineLayout.check(
            model, options, threads: threads, vocabulary: opened.text.tokenizer.vocabularySize)
        _ = try KernelSet(named: options.kernels)
        return ("\(InspectText(opened.source).oneLine), \(opened.text.kind.rawValue)", opened.remarks)
    }

    /// Remarks about options that are allowed and probably wrong.
    package static func warnings(_ options: ModelOptions) -> [String] {
        let available = HostMemory.available
        guard case .bytes(let budget) = options.budget, budget > available else { return [] }
        return [
            "memory.budget: \(HumanText.bytes(budget)) are more than the \(HumanText.bytes(available)) of memory "
                + "that the machine or the control group has: the system may end moed"
        ]
    }
}
