import MoedSystemd
import Testing

struct WatchdogPolicyTests {
    /// One check: seconds since the start, the two counters (nil: not reported), and the loops that are stuck.
    struct Row: Sendable {
        var at: Int
        var sweep: UInt64?
        var database: UInt64?
        var stuck: [String]

        init(_ at: Int, _ sweep: UInt64?, _ database: UInt64?, _ stuck: [String] = []) {
            self.at = at
            self.sweep = sweep
            self.database = database
            self.stuck = stuck
        }
    }

    static let tables: [(String, [Row])] = [
        ("both move", [Row(15, 1, 1), Row(30, 2, 2), Row(45, 3, 3), Row(60, 4, 4)]),
        ("a slow turn within the allowed age", [Row(15, 1, 1), Row(30, 1, 2), Row(45, 1, 3), Row(46, 2, 4)]),
        (
            "sweep stops",
            [Row(15, 1, 1), Row(30, 1, 2), Row(45, 1, 3), Row(46, 1, 4, ["sweep"]), Row(60, 1, 5, ["sweep"])]
        ),
        ("database stops", [Row(15, 1, 1), Row(45, 2, 1), Row(60, 3, 1, ["database"])]),
        (
            "both stop, longest silence first",
            [Row(15, 1, 1), Row(16, 1, 2), Row(60, 1, 2, ["sweep", "database"])]
        ),
        ("sweep comes back", [Row(15, 1, 1), Row(60, 1, 2, ["sweep"]), Row(70, 2, 3), Row(85, 3, 4)]),
        ("nothing ever moves", [Row(15, 0, 0), Row(30, 0, 0), Row(31, 0, 0, ["database", "sweep"])]),
        ("a counter that is not reported has not moved", [Row(15, nil, 1), Row(31, nil, 2, ["sweep"])]),
        ("wrapping round is moving", [Row(15, .max, 1), Row(40, 0, 2), Row(60, 0, 3)]),
        ("one late check after a long pause with progress", [Row(600, 1, 1)]),
        ("one late check after a long pause without", [Row(600, 0, 1, ["sweep"])]),
    ]

    @Test(arguments: tables)
    func verdicts(name: String, rows: [Row]) {
        var policy = WatchdogPolicy(interval: .seconds(60))
        policy.watch("sweep", value: 0, at: .zero)
        policy.watch("database", value: 0, at: .zero)
        for row in rows {
            var values: [String: UInt64] = [:]
            values["sweep"] = row.sweep
            values["database"] = row.database
            let verdict = policy.check(values, at: .seconds(row.at))
            guard case .withhold(let stuck) = verdict else {
                #expect(row.stuck.isEmpty, "\(name), \(row.at) s")
                continue
            }
            #expect(stuck.map(\.loop) == row.stuck, "\(name), \(row.at) s")
        }
    }

    @Test func theStuckLoopIsNamedWithItsSilence() {
        var policy = WatchdogPolicy(interval: .seconds(20))
        policy.watch("sweep loop", value: 3, at: .seconds(100))
        let verdict = policy.check(["sweep loop": 3], at: .milliseconds(123_900))
        #expect(verdict == .withhold([.init(loop: "sweep loop", silence: .milliseconds(23_900))]))
        guard case .withhold(let stuck) = verdict else { return }
        #expect(stuck.map(\.description) == ["sweep loop has made no progress for 23 s"])
    }

    @Test func aLoopMayBeAllowedALongerSilence() {
        var policy = WatchdogPolicy(interval: .seconds(60))
        policy.watch("load", value: 0, at: .zero, ageMax: .seconds(300))
        #expect(policy.check(["load": 0], at: .seconds(300)) == .feed)
        #expect(policy.check(["load": 0], at: .seconds(301)) != .feed)
        policy.forget("load")
        #expect(policy.check([:], at: .seconds(900)) == .feed)
    }

    @Test func watchingAgainStartsAfresh() {
        var policy = WatchdogPolicy(interval: .seconds(60))
        policy.watch("sweep", value: 0, at: .zero)
        #expect(policy.check(["sweep": 0], at: .seconds(50)) != .feed)
        policy.watch("sweep", value: 0, at: .seconds(50))
        #expect(policy.check(["sweep": 0], at: .seconds(75)) == .feed)
    }

    @Test func checksComeOftenEnoughForAFeedAtHalfTheInterval() {
        #expect(WatchdogPolicy(interval: .seconds(60)).checkEvery == .seconds(15))
    }
}
