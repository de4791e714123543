import Testing

@testable import MoedGrammar

@Suite struct MaskBudgetTests {
    @Test func takesUpToItsLimit() {
        let budget = MaskBudget()
        #expect(budget.take(MaskBudget.bytesMax - 10) && !budget.take(11) && budget.take(10) && !budget.take(1))
        budget.give(5)
        #expect(budget.take(5) && !budget.take(1))
    }
}
