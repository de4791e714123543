/// Decides whether the watchdog may be fed: only when every watched loop has proved that it lives.
///
/// A timer that feeds the watchdog proves that timers work. Here each loop has a counter that it advances by real
/// work; the policy sees the counters' values and the time, and nothing else. Times are measured from any fixed
/// origin of a monotonic clock.
package struct WatchdogPolicy: Sendable, Equatable {
    /// A loop that has not moved for longer than it may.
    package struct Stuck: Sendable, Equatable, CustomStringConvertible {
        /// As it was registered, e.g. `sweep loop`.
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
        /// Let the watchdog run out; the loops at fault, longest silence first.
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

    /// How often to ask: a feed is due at half the interval, and one check may come late.
    package var checkEvery: Duration { interval / 4 }

    /// Begins to watch a loop, or changes how long it may be silent; it counts as alive at `now`.
    ///
    /// - Parameter ageMax: silence that is still taken for life; nil is half the watchdog interval, so that a loop
    ///   which stops leads to a restart after at most one and a half intervals.
    package mutating func watch(_ name: String, value: UInt64, at now: Duration, ageMax: Duration? = nil) {
        loops.removeAll { $0.name == name }
        loops.append(
            Watched(
                name: name, ageMax: ageMax ?? interval / 2, value: value, valueAtFeed: value, changedAt: now))
    }

    /// Ends the watch over a loop that has finished in order.
    package mutating func forget(_ name: String) { loops.removeAll { $0.name == name } }

    /// Takes the counters' present values. A watched loop without a value is taken as not having moved.
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
