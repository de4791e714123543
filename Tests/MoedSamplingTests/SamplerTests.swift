import Foundation
import MoedCore
import MoedSampling
import TestSupport
import Testing

@Suite struct SamplerTests {
    /// Known answers published with the Random123 library for philox4x32-10.
    @Test func philoxKnownAnswers() {
        let ones = UInt32.max
        #expect(
            Philox.block(counter: (0, 0, 0, 0), key: (0, 0)) == (
                0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8
            ))
        #expect(
            Philox.block(counter: (ones, ones, ones, ones), key: (ones, ones))
                == (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
        #expect(
            Philox.block(
                counter: (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), key: (0xa409_3822, 0x299f_31d0)
            )
                == (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
    }

    @Test func uniformNumbersAreUniformAndDistinct() {
        var bins = [Int](repeating: 0, count: 16)
        for position in 0..<16_000 {
            let number = Philox.uniform(seed: 7, choice: 0, position: position)
            #expect(number >= 0 && number < 1)
            bins[Int(number * 16)] += 1
        }
        // Chi-squared with 15 degrees of freedom is below 44 except once in 10,000.
        #expect(bins.reduce(0.0) { $0 + pow(Double($1) - 1000, 2) / 1000 } < 44)
        let keys = [(1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1), (1 << 32, 0, 0), (1, 0, 1 << 32)]
        let numbers = keys.map { Philox.uniform(seed: UInt64($0.0), choice: $0.1, position: $0.2) }
        #expect(Set(numbers).count == keys.count)
    }

    private func sample(
        _ logits: [Float], _ parameters: SamplingParameters, history: TokenHistory = TokenHistory(),
        choice: Int = 0,
        position: Int = 0
    ) -> Int {
        var row = logits
        var span = row.mutableSpan
        return Int(Sampler.sample(&span, parameters, history: history, choice: choice, position: position))
    }

    /// Share of each token in many draws.
    private func shares(_ logits: [Float], _ parameters: SamplingParameters, draws: Int = 20_000) -> [Double]
    {
        var counts = [Double](repeating: 0, count: logits.count)
        for position in 0..<draws { counts[sample(logits, parameters, position: position)] += 1 }
        return counts.map { $0 / Double(draws) }
    }

    private func expectShares(_ shares: [Double], _ expected: [Double], draws: Double = 20_000) {
        for (share, probability) in zip(shares, expected) {
            // Five standard errors.
            let error = 5 * (probability * (1 - probability) / draws).squareRoot()
            #expect(abs(share - probability) <= error)
        }
    }

    @Test func greedyTakesTheBestAndTheLowerIDOfEquals() {
        #expect(sample([1, 5, 5, 2], .greedy) == 1)
        #expect(sample([-3, -1, -2], .greedy) == 1)
        #expect(sample([.nan, .nan], .greedy) == 0)
        #expect(sample([.nan, 2, 1], .greedy) == 1)
        #expect(sample([1, .infinity, 2], .greedy) == 1)
    }

    @Test func drawsFollowTheProbabilities() {
        let logits: [Float] = [0, 1, 2, -1]
        for temperature in [0.5, 1, 2] {
            let weights = logits.map { exp(Double($0) / temperature) }
            let total = weights.reduce(0, +)
            expectShares(
                shares(logits, SamplingParameters(temperature: temperature, seed: 42)),
                weights.map { $0 / total })
        }
    }

    @Test func topKKeepsTheBest() {
        let weights = [exp(2.0), 0, exp(1.0), 0]
        let total = weights.reduce(0, +)
        let parameters = SamplingParameters(topK: 2, seed: 1)
        expectShares(shares([2, 0, 1, -1], parameters), weights.map { $0 / total })
        // Ties at the edge: the lower id stays.
        #expect(shares([1, 1, 1], SamplingParameters(topK: 2, seed: 1))[2] == 0)
        #expect(shares([1, 3, 2], SamplingParameters(topK: 1, seed: 1)) == [0, 1, 0])
    }

    @Test func topPKeepsTheSmallestSetThatReachesIt() {
        // Probabilities 0.5, 0.3, 0.2.
        let logits = [0.2, 0.5, 0.3].map { Float(log($0)) }
        expectShares(shares(logits, SamplingParameters(topP: 0.79, seed: 2)), [0, 0.5 / 0.8, 0.3 / 0.8])
        #expect(shares(logits, SamplingParameters(topP: 0.45, seed: 2)) == [0, 1, 0])
        #expect(shares(logits, SamplingParameters(topP: 1e-9, seed: 2)) == [0, 1, 0])
        expectShares(shares(logits, SamplingParameters(topP: 0.81, seed: 2)), [0.2, 0.5, 0.3])
        // Top-p applies to the tokens left by top-k: 0.5 / 0.8 reaches 0.6.
        #expect(shares(logits, SamplingParameters(topK: 2, topP: 0.6, seed: 2)) == [0, 1, 0])
    }

    @Test func minPDropsTheImprobable() {
        let logits = [0.1, 0.6, 0.3].map { Float(log($0)) }
        expectShares(shares(logits, SamplingParameters(minP: 0.4, seed: 3)), [0, 0.6 / 0.9, 0.3 / 0.9])
        #expect(shares(logits, SamplingParameters(minP: 1, seed: 3)) == [0, 1, 0])
    }

    @Test func seedChoiceAndPositionDecide() {
        let logits = [Float](repeating: 0, count: 1000)
        func draw(_ seed: UInt64, _ choice: Int, _ position: Int) -> Int {
            sample(logits, SamplingParameters(seed: seed), choice: choice, position: position)
        }
        #expect(draw(1, 0, 5) == draw(1, 0, 5))
        let others = [draw(1, 0, 5), draw(2, 0, 5), draw(1, 1, 5), draw(1, 0, 6)]
        #expect(Set(others).count == 4)
    }

    @Test func penaltiesLookAtTheRightTokens() {
        var history = TokenHistory()
        for token in [0, 1] as [TokenID] { history.append(token, inPrompt: true) }
        for token in [1, 2, 2] as [TokenID] { history.append(token, inPrompt: false) }
        func after(_ parameters: SamplingParameters, _ logits: [Float]) -> [Float] {
            var row = logits
            var span = row.mutableSpan
            _ = Sampler.sample(&span, parameters, history: history, choice: 0, position: 0)
            return row
        }
        var parameters = SamplingParameters.greedy
        #expect(after(parameters, [4, 4, 4, 4]) == [4, 4, 4, 4])
        parameters.presencePenalty = 1
        #expect(after(parameters, [4, 4, 4, 4]) == [4, 3, 3, 4])
        parameters.frequencyPenalty = 0.5
        #expect(after(parameters, [4, 4, 4, 4]) == [4, 2.5, 2, 4])
        parameters.repetitionPenalty = 2
        #expect(after(parameters, [4, 4, -4, 4]) == [2, 0.5, -10, 4])
        // A history beyond the logits (ids past the vocabulary limit) is harmless.
        #expect(after(parameters, [4]) == [2])
    }

    /// A large top-k takes another path through the selection; the draw is the same.
    @Test func selectionByScanAndBySortAgree() {
        var numbers = SplitMix(seed: 11)
        let logits = numbers.floats(2000, scale: 6).map { ($0 * 4).rounded() / 4 }
        for position in 0..<300 {
            // Beyond the 256 best, next to nothing is left at this temperature.
            let scan = sample(
                logits, SamplingParameters(temperature: 0.05, topK: 256, seed: 5), position: position)
            let sort = sample(
                logits, SamplingParameters(temperature: 0.05, topK: 257, seed: 5), position: position)
            #expect(scan == sort)
        }
    }

    @Test(arguments: [[.nan, .nan], [-.infinity, -.infinity], [.infinity, 1], [.nan, 1]] as [[Float]])
    func strangeLogitsStillGiveAToken(_ logits: [Float]) {
        for parameters in [
            SamplingParameters(), SamplingParameters(topK: 1), SamplingParameters(topP: 0.5),
            SamplingParameters(temperature: 1e-300), SamplingParameters(minP: 1),
        ] {
            let token = sample(logits, parameters)
            #expect((0..<2).contains(token))
            if logits[1] == 1 { #expect(token == (logits[0] == .infinity ? 0 : 1)) }
        }
    }
}
