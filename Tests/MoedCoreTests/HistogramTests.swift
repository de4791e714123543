import MoedCore
import Testing

@Suite struct HistogramTests {
    @Test func valuesAreInTheFirstClassThatHoldsThem() {
        var histogram = Histogram([1, 5])
        for value in [0, 1, 1.5, 5, 6, -3, .nan, .infinity] { histogram.add(value) }
        #expect(histogram.counts == [4, 2, 2] && histogram.total == 8)
        #expect(histogram.sum == .infinity)
        #expect(Histogram.jobTimes == Histogram.jobTimes.sorted() && Histogram.statementTimes == Histogram.statementTimes.sorted())
    }
}
