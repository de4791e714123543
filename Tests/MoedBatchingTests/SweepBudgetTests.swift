import MoedBatching
import Testing

@Suite struct SweepBudgetTests {
    /// A budget that has seen sweeps of these sizes, each taking 20 ms and 2 ms a row.
    func budget(_ milliseconds: Int?, sweeps: [Int]) -> SweepBudget {
        var budget = SweepBudget(timeMax: milliseconds.map { .milliseconds($0) })
        for rows in sweeps { budget.record(rows: rows, took: .milliseconds(20 + 2 * rows)) }
        return budget
    }

    @Test(
        arguments: [
            // No bound, no waiting sequence, or no measurement yet: the engine's maximum.
            (nil, [10, 20], 4, 512), (200, [10, 100], 0, 512), (200, [], 4, 512),
            // (200 - 20) / 2
            (200, [10, 100], 4, 90), (200, [10, 100, 60, 30], 4, 90),
            // More than the engine's maximum.
            (100_000, [10, 100], 4, 512),
            // Prompts go on in any case.
            (21, [10, 100], 4, 36), (1, [10, 100], 4, 36),
            // One size only: 220 ms for 100 rows, so 90 rows in 198 ms.
            (198, [100, 100, 100], 4, 90),
        ] as [(Int?, [Int], Int, Int)])
    func rows(_ milliseconds: Int?, _ sweeps: [Int], _ decoding: Int, _ expected: Int) {
        let rows = budget(milliseconds, sweeps: sweeps).rowsAllowed(decoding: decoding, rowsMax: 512)
        #expect(abs(rows - expected) <= 1, "\(rows)")
    }

    @Test func followsAMachineThatSlowsDown() {
        var budget = budget(200, sweeps: [10, 100, 10, 100])
        for _ in 0..<60 {
            for rows in [10, 50] { budget.record(rows: rows, took: .milliseconds(40 + 4 * rows)) }
        }
        #expect((39...41).contains(budget.rowsAllowed(decoding: 2, rowsMax: 512)))
    }

    /// 4 s for reading experts, and 2 ms a row: the bound of 2 s cannot be held, so prompts get 2 s beside them.
    @Test func sweepsThatAreLongAnyhow() {
        var budget = SweepBudget(timeMax: .seconds(2))
        for rows in [10, 100, 40] { budget.record(rows: rows, took: .milliseconds(4000 + 2 * rows)) }
        #expect((990...1010).contains(budget.rowsAllowed(decoding: 8, rowsMax: 4096)))
    }

    @Test func timesThatFitNoLineStillBound() {
        var budget = SweepBudget(timeMax: .milliseconds(100))
        for (rows, time) in [(100, 50), (10, 200), (60, 100)] {
            budget.record(rows: rows, took: .milliseconds(time))
        }
        #expect((33...512).contains(budget.rowsAllowed(decoding: 1, rowsMax: 512)))
        budget.record(rows: 0, took: .zero)
        #expect((33...512).contains(budget.rowsAllowed(decoding: 1, rowsMax: 512)))
    }
}
