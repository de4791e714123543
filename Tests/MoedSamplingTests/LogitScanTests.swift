import CMoedKernels
import MoedCore
import MoedSampling
import Testing

/// Scans of logits beside loops that look at them one by one.
@Suite struct LogitScanTests {
    private static let odd: [Float] = [.nan, .infinity, -.infinity, 0, -0.0, .greatestFiniteMagnitude]

    /// Few different values, so that there are equal ones, some of them odd.
    private func row(_ count: Int, oddShare: Int, _ random: inout some RandomNumberGenerator) -> [Float] {
        (0..<count).map { _ in
            Int.random(in: 0..<100, using: &random) < oddShare
                ? Self.odd.randomElement(using: &random) ?? 0 : Float(Int.random(in: -9...9, using: &random))
        }
    }

    @Test(arguments: [0, 10, 60]) func agreeWithLoops(oddShare: Int) {
        var random = SplitMix(seed: UInt64(oddShare) + 1)
        for count in 0..<70 {
            let x = row(count, oddShare: oddShare, &random)
            for begin in [0, 1, count / 2, count] where begin <= count {
                for threshold in [-10, -3, 5, 8, .infinity, -.infinity, .nan] as [Float] {
                    let expected = (begin..<count).first { x[$0] > threshold } ?? count
                    #expect(unsafe moed_first_above(x, begin, count, threshold) == expected)
                }
            }
            #expect(unsafe (moed_all_finite(x, count) != 0) == x.allSatisfy(\.isFinite))
        }
    }

    @Test func oneOddValueIsSeenAtEveryPlace() {
        for place in 0..<50 {
            for value in [Float.nan, .infinity, -.infinity, .signalingNaN] {
                var x = [Float](repeating: 1, count: 50)
                x[place] = value
                #expect(unsafe moed_all_finite(x, 50) == 0)
            }
        }
    }

    @Test func greedyAmongMany() {
        var random = SplitMix(seed: 5)
        for count in [1, 15, 16, 17, 1000] {
            let x = row(count, oddShare: 5, &random).map { $0 == .infinity ? 0 : $0 }
            let best = x.indices.filter { !x[$0].isNaN }.max { (x[$0], -$0) < (x[$1], -$1) } ?? 0
            let expected = x[best] > -.infinity ? best : 0
            #expect(Sampler.greedy(x.span) == TokenID(expected), "\(x)")
        }
    }
}
