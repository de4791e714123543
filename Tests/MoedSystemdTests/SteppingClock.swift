import Synchronization

/// A clock that only sleeping advances. Sleeping takes no real time. After a number of sleeps the clock ends the
/// sleeper.
final class SteppingClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var time: Duration

        func advanced(by duration: Duration) -> Instant { Instant(time: time + duration) }
        func duration(to other: Instant) -> Duration { other.time - time }
        static func < (left: Instant, right: Instant) -> Bool { left.time < right.time }
    }

    private let state: Mutex<(now: Instant, sleepsLeft: Int)>

    init(sleeps: Int) { state = Mutex((Instant(time: .zero), sleeps)) }

    var now: Instant { state.withLock { $0.now } }
    var minimumResolution: Duration { .zero }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try state.withLock { state in
            guard state.sleepsLeft > 0 else { throw CancellationError() }
            state.sleepsLeft -= 1
            state.now = max(state.now, deadline)
        }
    }
}
