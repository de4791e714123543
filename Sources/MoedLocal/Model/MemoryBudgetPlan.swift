import MoedCore
package import MoedEngine
import MoedHost
import MoedWeights

/// Shares out a memory budget before weights are loaded, and says in words what came of it.
package struct MemoryBudgetPlan {
    /// Heap that comes after the start: books of blocks and slots, prompts, results.
    private static let heap = 32 << 20
    /// With a small budget at least one sequence of this length must fit.
    private static let leastContext = 8192

    package let plan: MemoryPlan

    /// - Parameters:
    ///   - settings: of the engine to be; its KV room is what the plan decides.
    ///   - kvTokens: KV room wanted.
    ///   - isFixed: whether less will not do.
    ///   - budget: bytes.
    ///   - process: bytes that the process takes before there is a model.
    /// - Throws: `ConfigurationProblem` naming the least budget; `EngineError`.
    package init(
        _ model: UnloadedModel, _ settings: EngineSettings, kvTokens: Int, isFixed: Bool, budget: Int,
        process: Int
    ) throws {
        let needs = try model.memoryNeeds(settings)
        let blocks = { (tokens: Int) in (tokens + needs.kvBlockTokens - 1) / needs.kvBlockTokens }
        let context = min(model.configuration.contextLength, Self.leastContext)
        let all = MemoryPlan.Needs(
            budget: budget, process: process + Self.heap, dense: model.denseByteCount,
            activations: needs.activations,
            kv: .init(
                block: needs.kvBlock,
                blocksMin: isFixed ? blocks(kvTokens) : min(blocks(kvTokens), blocks(context)),
                blocksWanted: blocks(kvTokens)),
            experts: .init(
                byteCount: model.expertByteCount, count: model.expertCount, place: model.placeByteCount,
                placesMin: model.canStream ? ExpertCacheState.least : nil,
                placesUseful: ExpertCacheState.useful))
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

    /// “memory 3.10 of 3.20 GB: dense 0.40 GB, …”.
    package var text: String {
        let needs = plan.needs
        let experts =
            plan.places.map { "\($0) of \(needs.experts.count) experts" } ?? "all experts"
        return "memory \(HumanText.bytes(plan.total)) of \(HumanText.bytes(needs.budget)): "
            + "dense weights \(HumanText.bytes(needs.dense)), \(experts) \(HumanText.bytes(plan.experts)), "
            + "keys and values \(HumanText.bytes(plan.keyValues)), "
            + "activations \(HumanText.bytes(needs.activations)), "
            + "process \(HumanText.bytes(needs.process))"
    }
}
