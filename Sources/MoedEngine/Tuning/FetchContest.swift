/// Chooses how weights are fetched. Each trial of another tuning is paired with one of the standard.
///
/// Another tuning must win clearly and repeatedly, since times on shared machines vary.
package struct FetchContest: Sendable, Equatable {
    package static let turnsMax = 9
    static let winsMin = 7
    static let gainMin = 1.03

    /// Standard's time / tuning's time, one value for each turn.
    package private(set) var ratios: [FetchTuning: [Double]] = [:]

    package init() {}

    package mutating func add(_ tuning: FetchTuning, ratio: Double) {
        ratios[tuning, default: []].append(ratio)
    }

    /// The tuning to try next: the least tried one that may still win. Nil ends the contest.
    package var next: FetchTuning? {
        FetchTuning.allCases.filter { $0 != .standard && turns($0) < Self.turnsMax && mayWin($0) }
            .min { turns($0) < turns($1) }
    }

    /// The standard, unless another tuning has won.
    package var winner: FetchTuning {
        FetchTuning.allCases.filter { turns($0) == Self.turnsMax && mayWin($0) && median($0) >= Self.gainMin }
            .max { median($0) < median($1) } ?? .standard
    }

    /// Median of a tuning's ratios; 0 without a turn.
    package func median(_ tuning: FetchTuning) -> Double {
        let sorted = (ratios[tuning] ?? []).sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }

    /// For logs: the winner, and the median gain of each tuning with its number of turns.
    package var text: String {
        guard !ratios.isEmpty else { return "" }
        let medians = FetchTuning.allCases.filter { turns($0) > 0 }.map {
            "\($0.rawValue) \(Int((median($0) * 100).rounded()))% (\(turns($0)))"
        }
        return "speed against \(FetchTuning.standard.rawValue), turns: " + medians.joined(separator: ", ")
    }

    private func turns(_ tuning: FetchTuning) -> Int { ratios[tuning]?.count ?? 0 }

    private func mayWin(_ tuning: FetchTuning) -> Bool {
        (ratios[tuning] ?? []).filter { $0 <= 1 }.count <= Self.turnsMax - Self.winsMin
    }
}
