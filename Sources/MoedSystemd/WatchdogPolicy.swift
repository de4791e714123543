/// Decides when the watchdog may be fed: only when every watched loop has made progress.
///
/// Each loop advances a counter by real work, because feeding from a timer would only prove that timers work. The
/// policy sees the counters' values and the time, and nothing else. Times are measured from any fixed origin of a
/// monotonic clock.
package struct WatchdogPolicy: Sendable, Equatable {
    /// Loop without progress for longer than its limit.
    package struct Stuck: Sendable, Equatable, CustomStringConvertible {
        /// Registered name of the loop, e.g. `sweep loop`.
        package var loop: String
        package var silence: Duration

        package init(loop: String, silence: Duration) {
            self.loop = loop
            self.silence = silence
        }

        package var description: String {
            "\(loop) has made no progress for \(silence.components.seconds) s"
        }
    }

    package enum Verdict: Sendable, Equatable {
        case feed
        /// The watchdog is not fed. The value lists the stuck loops, longest silence first.
        case withhold([Stuck])
    }

    private struct Watched: Sendable, Equatable {
        var name: String
        var ageMax: Duration
        var value: UInt64
        var valueAtFeed: UInt64
        var changedAt: Duration
    }

    private let interval: Duration
    private var loops: [Watched] = []

    /// - Parameter interval: the service manager restarts the daemon after this long without a feed.
    package init(interval: Duration) { self.interval = interval }

    /// Time between two checks: a feed is due at half the interval, and one check may come late.
    package var checkEvery: Duration { interval / 4 }

    /// Starts to watch a loop, or changes its limit; the loop counts as alive at `now`.
    ///
    /// - Parameter ageMax: maximum time without progress; nil is half the watchdog interval. A stopped loop then leads
    ///   to a restart after at most one and a half intervals.
    package mutating func watch(_ name: String, value: UInt64, at now: Duration, ageMax: Duration? = nil) {
        loops.removeAll { $0.name == name }
        loops.append(
            Watched(
                name: name, ageMax: ageMax ?? interval / 2, value: value, valueAtFeed: value, changedAt: now))
    }

    /// Stops watching a loop that has ended normally.
    package mutating func forget(_ name: String) { loops.removeAll { $0.name == name } }

    /// Checks the counters' current values. A watched loop without a value counts as without progress.
    package mutating func check(_ values: [String: UInt64], at now: Duration) -> Verdict {
        for index in loops.indices {
            guard let value = values[loops[index].name], value != loops[index].value else { continue }
            loops[index].value = value
            loops[index].changedAt = now
        }
        let stuck = loops.filter { $0.value == $0.valueAtFeed && now - $0.changedAt > $0.ageMax }
            .map { Stuck(loop: $0.name, silence: now - $0.changedAt) }
            .sorted { ($1.silence, $0.loop) < ($0.silence, $1.loop) }
        guard stuck.isEmpty else { return .withhold(stuck) }
        for index in loops.indices { loops[index].valueAtFeed = loops[index].value }
        return .feed
    }
}
