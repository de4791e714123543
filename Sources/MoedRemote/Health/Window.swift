/// Number of requests that an endpoint may have in flight.
///
/// It starts small, doubles while nothing objects, and is halved when the endpoint refuses load. Requests that wait at
/// the endpoint are an objection: they wait better in the database.
package struct Window: Sendable, Equatable {
    /// Start of a window without a configured maximum.
    private static let start = 4
    /// Maximum of a window without a configured one.
    private static let autoMax = 512

    private let most: Int
    package private(set) var limit: Int
    /// Doubling ends at the first refusal; from there on the window grows by one for each window of successes.
    private var doubles = true
    private var successes = 0
    /// Readings in a row with too many waiting requests.
    private var crowded = 0
    /// True while the last reading objects to more requests.
    private var isHeld = false
    private var preemptions: Int?

    /// - Parameter most: configured maximum; nil lets the window find it.
    package init(most: Int?) {
        self.most = max(1, most ?? Self.autoMax)
        limit = max(1, most ?? Self.start)
    }

    /// - Parameter wasFull: true when the window had no room: only then it shows that more would be taken.
    package mutating func succeeded(wasFull: Bool) {
        guard wasFull, limit < most, !isHeld else { return }
        successes += 1
        guard doubles || successes >= limit else { return }
        successes = 0
        limit += 1
    }

    /// Takes a reading of the endpoint's load. The window becomes the number of requests that run when sequences were
    /// put back, or when two readings in a row show more waiting requests than an eighth of the window.
    package mutating func observe(_ load: LoadReading) {
        let isPreempted = preemptions.map { load.preemptions > $0 } ?? false
        preemptions = load.preemptions
        isHeld = load.waiting > 0
        crowded = load.waiting > limit / 8 ? crowded + 1 : 0
        guard isPreempted || crowded >= 2 else { return }
        (doubles, successes, crowded) = (false, 0, 0)
        limit = max(1, min(limit, load.running))
    }

    package mutating func refused() {
        (doubles, successes) = (false, 0)
        limit = max(1, limit / 2)
    }

    /// After an outage: one request at first.
    package mutating func restart() {
        (doubles, successes) = (true, 0)
        limit = 1
    }
}
