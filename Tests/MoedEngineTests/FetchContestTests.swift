import MoedEngine
import Testing

/// Choosing by paired trials, as a value.
struct FetchContestTests {
    /// Plays a contest to its end; `ratio` gives the ratio of a tuning's turn.
    private func played(_ ratio: (FetchTuning, Int) -> Double) -> FetchContest {
        var contest = FetchContest()
        while let tuning = contest.next {
            contest.add(tuning, ratio: ratio(tuning, contest.ratios[tuning]?.count ?? 0))
        }
        return contest
    }

    @Test func theStandardStaysWithoutAClearWinner() {
        #expect(FetchContest().winner == .standard)
        #expect(played { _, _ in 1.02 }.winner == .standard)
        #expect(played { _, turn in turn < 3 ? 0.9 : 2 }.winner == .standard, "three turns of nine were lost")
        #expect(played { _, _ in 0.5 }.ratios.values.allSatisfy { $0.count == 3 }, "a loser takes no more turns")
    }

    @Test func theBestOfTheWinnersIsTaken() {
        let contest = played { tuning, turn in
            switch tuning {
            case .longer: turn < 2 ? 0.8 : 1.05
            case .shorter: 1.04
            default: 0.99
            }
        }
        #expect(contest.winner == .longer && contest.median(.longer) == 1.05)
    }

    @Test func anUnfinishedContestChangesNothing() {
        var contest = FetchContest()
        for _ in 1..<FetchContest.turnsMax { contest.add(.first, ratio: 2) }
        #expect(contest.winner == .standard)
        contest.add(.first, ratio: 2)
        #expect(contest.winner == .first)
    }

    @Test func tuningsTakeTurns() {
        var contest = FetchContest()
        var order: [FetchTuning] = []
        for _ in 0..<8 {
            let next = contest.next ?? .standard
            order.append(next)
            contest.add(next, ratio: 1.1)
        }
        #expect(order.prefix(4) == order.suffix(4) && Set(order).count == 4 && !order.contains(.standard))
    }
}
