import MoedReading
import MoedLocal
import MoedCaching
import MoedEngine
import MoedWeights
import Testing

@Suite struct StreamingTextTests {
    @Test func whatHappenedBetweenTwoMoments() {
        var now = StreamingFigures()
        #expect(StreamingText(before: now, now: now, seconds: 1).status == nil)
        let before = now
        (now.hits, now.misses, now.bytesRead) = (48, 52, 2_600_000_000)
        (now.regime, now.switches, now.distinct, now.capacity) = (.saturated, 1, 1020.4, 500)
        let text = StreamingText(before: before, now: now, seconds: 2)
        #expect(text.status == "disk 1.3 GB/s, 48 % of experts in memory (saturated)")
        #expect(text.change == "expert cache: saturated, a sweep uses 1020 experts, 500 can be kept")
        #expect(StreamingText(before: now, now: now, seconds: 2).change == nil)
    }

    @Test func onlyLongSweepsAreMentioned() {
        #expect(SweepFigures(duration: .milliseconds(999), generatedTokens: 8).status == nil)
        let long = SweepFigures(duration: .milliseconds(12_360), prefilledTokens: 64, generatedTokens: 32)
        #expect(long.status == "sweep 12.4 s, 96 tokens")
    }
}
