import MoedEngine
import Testing

/// How a budget is shared out: a table.
@Suite struct MemoryPlanTests {
    private static let needs = MemoryPlan.Needs(
        budget: 0, process: 100, dense: 500, activations: 50, kvBlock: 10, kvBlocksMin: 4,
        kvBlocksWanted: 30, experts: 2000, expertCount: 100, slot: 20, slotsMin: 2)

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
        // Not all experts: KV first, the rest are slots.
        (2689, 86, 30), (1000, 2, 30), (1010, 3, 30), (990, 2, 30), (980, 2, 29), (730, 2, 4),
    ] as [(Int, Int?, Int)])
    func shares(_ budget: Int, _ slots: Int?, _ blocks: Int) throws {
        let plan = try plan(budget)
        #expect(plan.slots == slots && plan.kvBlocks == blocks, "\(plan)")
    }

    /// More KV than the least leaves the slots that it takes to read and compute at the same time.
    @Test(arguments: [(1200, 12, 30), (1000, 10, 15), (890, 10, 4), (850, 8, 4), (730, 2, 4)])
    func slotsThatAreUseful(_ budget: Int, _ slots: Int, _ blocks: Int) throws {
        let plan = try plan(budget) { $0.slotsUseful = 10 }
        #expect(plan.slots == slots && plan.kvBlocks == blocks, "\(plan)")
    }

    @Test func tooLittleIsRefusedWithWhatWouldDo() throws {
        #expect(throws: MemoryPlan.Refusal(minimum: 730)) { try plan(729) }
        #expect(throws: MemoryPlan.Refusal(minimum: 2690)) { try plan(2689) { $0.slotsMin = nil } }
        #expect(try plan(2690) { $0.slotsMin = nil }.slots == nil)
        // A dense model.
        let change = { (needs: inout MemoryPlan.Needs) in
            (needs.experts, needs.expertCount, needs.slot, needs.slotsMin) = (0, 0, 0, nil)
        }
        #expect(throws: MemoryPlan.Refusal(minimum: 690)) { try plan(689, change) }
        #expect(try plan(690, change).kvBlocks == 4)
    }

    @Test func everyBudgetIsKept() throws {
        var last = -1
        for budget in 730...3100 {
            let plan = try plan(budget)
            #expect(plan.kvBlocks >= 4 && plan.slots ?? 100 >= 2)
            #expect(plan.experts >= last || plan.slots == nil || plan.kvBlocks < 30)
            last = plan.slots == nil ? -1 : plan.experts
        }
    }
}
