import MoedCaching
import MoedCore
package import MoedEngine
import MoedHost
import MoedPreparation
import MoedWeights

/// Divides a memory budget before weights are loaded, and describes the result in words.
package struct MemoryBudgetPlan {
    /// Bytes of heap that are allocated after the start: tables of KV blocks and running sequences, prompts, results.
    private static let heap = 32 << 20
    /// Length in tokens of a sequence that must fit even under a small budget.
    private static let leastContext = 8192

    package let plan: MemoryPlan

    /// - Parameters:
    ///   - settings: settings of the future engine; the plan decides its KV capacity.
    ///   - kvTokens: wanted KV capacity in tokens.
    ///   - isFixed: true when the KV capacity must not be less than `kvTokens`.
    ///   - budget: size of the budget in bytes.
    ///   - process: bytes that the process uses before a model is loaded.
    /// - Throws: `ConfigurationProblem` naming the minimum budget; `EngineError`.
    package init(
        _ model: UnloadedModel, _ settings: EngineSettings, kvTokens: Int, isFixed: Bool, budget: Int,
        process: Int
    ) throws {
        let needs = try model.memoryNeeds(settings)
        let blocks = { (tokens: Int) in (tokens + needs.kvBlockTokens - 1) / needs.kvBlockTokens }
        let context = min(model.configuration.contextLength, Self.leastContext)
        var all = MemoryPlan.Needs(
            budget: budget, process: process + Self.heap,
            requests: RequestPreparer.memory(
                context: min(model.configuration.contextLength, kvTokens), vocabulary: model.configuration.vocabulary),
            dense: model.denseByteCount,
            activations: needs.activations,
            kv: .init(
                block: needs.kvBlock,
                blocksMin: isFixed ? blocks(kvTokens) : min(blocks(kvTokens), blocks(context)),
                blocksWanted: blocks(kvTokens)),
            experts: .init(
                byteCount: model.expertByteCount, count: model.expertCount, place: model.placeByteCount,
                placesMin: model.canStream ? ExpertCacheState.least : nil,
                placesUseful: ExpertCacheState.useful))
        all.adapters = model.adapterByteCount
        do {
            plan = try MemoryPlan(all)
        } catch {
            let advice =
                !model.canStream && model.expertByteCount > 0
                ? "; a pack (`moed pack`, or model.pack_cache) can do with less" : ""
            throw ConfigurationProblem(
                "memory.budget: \(HumanText.bytes(budget)) are too little for this model: "
                    + "the least is \(error.minimum) bytes (\(HumanText.bytes(error.minimum)))\(advice)")
        }
    }

    /// Description of the plan: “memory 3.10 of 3.20 GB: dense weights 0.40 GB, …”.
    package var text: String {
        let needs = plan.needs
        let experts =
            plan.places.map { "\($0) of \(needs.experts.count) experts" } ?? "all experts"
        let adapters = needs.adapters > 0 ? "adapters \(HumanText.bytes(needs.adapters)), " : ""
        return "memory \(HumanText.bytes(plan.total)) of \(HumanText.bytes(needs.budget)): "
            + "dense weights \(HumanText.bytes(needs.dense)), \(adapters)\(experts) \(HumanText.bytes(plan.experts)), "
            + "keys and values \(HumanText.bytes(plan.keyValues)), "
            + "activations \(HumanText.bytes(needs.activations)), "
            + "requests \(HumanText.bytes(needs.requests)), process \(HumanText.bytes(needs.process))"
    }
}
