import MoedCore
import Testing

struct UsageTests {
    @Test func sums() {
        var usage = Usage()
        usage.prompt = 100
        usage.cachedPrompt = 64
        usage.thinking = 30
        usage.injected = 26
        usage.answer = 7
        usage.recomputed = 11
        #expect(usage.completion == 63)
        #expect(usage.reasoning == 56)
        // Neither cached nor recomputed tokens change what is counted.
        #expect(usage.total == 163)
    }

    @Test(arguments: [(0, 0), (1, 16), (16, 16), (17, 32), (4096, 4096)])
    func sequencesOccupyWholeBlocks(tokens: Int, occupied: Int) {
        let limits = EngineLimits(
            contextLength: 4096, kvTokens: 1 << 20, kvBlockTokens: 16, sequencesMax: 8, rowsPerSweepMax: 64)
        #expect(limits.kvTokensOccupied(by: tokens) == occupied)
    }

    @Test func progressCountersAdvance() {
        let counter = ProgressCounter(name: "sweep")
        let before = counter.value
        counter.advance()
        counter.advance()
        #expect(counter.name == "sweep")
        #expect(counter.value == before + 2)
    }
}
