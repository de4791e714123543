import MoedEngine
import Testing

/// Table of memory plans by budget.
@Suite struct MemoryPlanTests {
    private static let needs = MemoryPlan.Needs(
        budget: 0, process: 100, dense: 500, activations: 50,
        kv: .init(block: 10, blocksMin: 4, blocksWanted: 30),
        experts: .init(byteCount: 2000, count: 100, place: 20, placesMin: 2))

    private func plan(_ budget: Int, _ change: (inout MemoryPlan.Needs) -> Void = { _ in }) throws
        -> MemoryPlan
    {
        var needs = Self.needs
        needs.budget = budget
        change(&needs)
        let plan = try MemoryPlan(needs)
        #expect(plan.total <= budget)
        return plan
    }

    @Test(arguments: [
        // Everything, with all the KV that is wanted.
        (5000, nil, 30), (2950, nil, 30),
        // The experts first, then as much KV as is left.
        (2940, nil, 29), (2690, nil, 4),
        // Not all experts: KV first, the rest are places.
        (2689, 86, 30), (1000, 2, 30), (1010, 3, 30), (990, 2, 30), (980, 2, 29), (730, 2, 4),
    ] as [(Int, Int?, Int)])
    func shares(_ budget: Int, _ places: Int?, _ blocks: Int) throws {
        let plan = try plan(budget)
        #expect(plan.places == places && plan.kvBlocks == blocks, "\(plan)")
    }

    /// The KV cache grows beyond its minimum only if enough expert places are left to overlap reading and computing.
    @Test(arguments: [(1200, 12, 30), (1000, 10, 15), (890, 10, 4), (850, 8, 4), (730, 2, 4)])
    func placesThatAreUseful(_ budget: Int, _ places: Int, _ blocks: Int) throws {
        let plan = try plan(budget) { $0.experts.placesUseful = 10 }
        #expect(plan.places == places && plan.kvBlocks == blocks, "\(plan)")
    }

    @Test func tooLittleIsRefusedWithWhatWouldDo() throws {
        #expect(throws: MemoryPlan.Refusal(minimum: 730)) { try plan(729) }
        #expect(throws: MemoryPlan.Refusal(minimum: 2690)) { try plan(2689) { $0.experts.placesMin = nil } }
        #expect(try plan(2690) { $0.experts.placesMin = nil }.places == nil)
        // A dense model.
        let change = { (needs: inout MemoryPlan.Needs) in
            needs.experts = .init(byteCount: 0, count: 0, place: 0, placesMin: nil)
        }
        #expect(throws: MemoryPlan.Refusal(minimum: 690)) { try plan(689, change) }
        #expect(try plan(690, change).kvBlocks == 4)
    }

    @Test func everyBudgetIsKept() throws {
        var last = -1
        for budget in 730...3100 {
            let plan = try plan(budget)
            #expect(plan.kvBlocks >= 4 && plan.places ?? 100 >= 2)
            #expect(plan.experts >= last || plan.places == nil || plan.kvBlocks < 30)
            last = plan.places == nil ? -1 : plan.experts
        }
    }
}
