import MoedEngine
import MoedHost
import MoedText
import MoedWeights

/// Everything that can keep a model from loading, found without reading its weights.
package enum ModelCheck {
    /// Goes the way of `ModelRunner.load` up to the weights.
    ///
    /// - Returns: the model in one line.
    /// - Throws: the errors of `ModelRunner.load`.
    package static func run(_ options: ModelOptions) throws -> String {
        let text = try TextSide(directory: options.directory)
        let directory = try ModelDirectory.open(options.directory)
        let (experts, dense) = (options.formats.experts ?? .bf16, options.formats.dense ?? .bf16)
        var (source, planned) = (directory, UnloadedModel?.none)
        if case .checkpoint(let checkpoint) = directory, let path = options.packCache {
            let cache = PackCache(directory: path)
            // The tensors are those of the checkpoint; the memory is that of the pack.
            _ = try UnloadedModel(directory, experts: experts, dense: dense)
            if let pack = try cache.existing(checkpoint, experts: experts, dense: dense) {
                source = .pack(pack)
            } else {
                try cache.checkPlace()
                planned = try UnloadedModel(shape: checkpoint.configuration, experts: experts, dense: dense)
            }
        }
        if case .pack(let pack) = source { try options.formats.check(pack) }
        let model = try planned ?? UnloadedModel(source, experts: experts, dense: dense)
        let threads = options.threads > 0 ? options.threads : Host.physicalCores
        try EngineLayout.check(
            model, options, threads: threads, vocabulary: text.tokenizer.vocabularySize)
        _ = try KernelSet(named: options.kernels)
        return "\(InspectText(directory).oneLine), \(text.kind.rawValue)"
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
