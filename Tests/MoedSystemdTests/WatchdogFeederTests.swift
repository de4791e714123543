import MoedSystemd
import Synchronization
import Testing

struct WatchdogFeederTests {
    /// Runs a feeder for `checks` checks, 15 s apart, over one loop. `turn` gives the readings of the loop's counter.
    private func feed(
        checks: Int, socket: String?, feeds: Bool = true, turn: @escaping @Sendable (UInt64) -> UInt64
    ) async throws -> [WatchdogFeeder.Event] {
        let events = Mutex<[WatchdogFeeder.Event]>([])
        let reads = Atomic<UInt64>(0)
        let clock = SteppingClock(sleeps: checks - 1)
        var policy = WatchdogPolicy(interval: .seconds(60))
        policy.watch("sweep loop", value: turn(0), at: .zero)
        var feeder = WatchdogFeeder(
            notifier: try ServiceNotifier(socket: socket), policy: policy, feeds: feeds,
            read: { ["sweep loop": turn(reads.wrappingAdd(1, ordering: .relaxed).newValue)] },
            report: { event in events.withLock { $0.append(event) } })
        await feeder.run(on: clock, from: clock.now)
        return events.withLock { $0 }
    }

    private func datagrams(_ manager: NotifySocket) -> [String] {
        var datagrams: [String] = []
        while let datagram = manager.receive() { datagrams.append(datagram) }
        return datagrams
    }

    @Test func aMovingLoopIsFedAtEachCheck() async throws {
        let manager = try NotifySocket(NotifySocket.path())
        let events = try await feed(checks: 8, socket: manager.name) { $0 }
        #expect(datagrams(manager) == Array(repeating: "WATCHDOG=1", count: 8))
        #expect(events == [])
    }

    /// Without a service manager's watchdog the loops are watched all the same.
    @Test func loopsAreWatchedWithoutAFeed() async throws {
        let manager = try NotifySocket(NotifySocket.path())
        let events = try await feed(checks: 6, socket: manager.name, feeds: false) { _ in 5 }
        #expect(datagrams(manager) == ["STATUS=Stuck: sweep loop has made no progress for 45 s"])
        #expect(events == [.stuck([.init(loop: "sweep loop", silence: .seconds(45))])])
    }

    /// Checks are at 0, 15, … s; silence of more than 30 s is too much.
    @Test func aStoppedLoopIsNamedOnceAndNoLongerFed() async throws {
        let manager = try NotifySocket(NotifySocket.path())
        let events = try await feed(checks: 6, socket: manager.name) { _ in 5 }
        #expect(
            datagrams(manager) == [
                "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1",
                "STATUS=Stuck: sweep loop has made no progress for 45 s",
            ])
        #expect(events == [.stuck([.init(loop: "sweep loop", silence: .seconds(45))])])
    }

    @Test func aLoopThatComesBackIsFedAgain() async throws {
        let manager = try NotifySocket(NotifySocket.path())
        let events = try await feed(checks: 6, socket: manager.name) { $0 < 5 ? 0 : $0 }
        #expect(
            datagrams(manager).map { $0.prefix(8) == "WATCHDOG" } == [true, true, true, false, true, true])
        #expect(events == [.stuck([.init(loop: "sweep loop", silence: .seconds(45))]), .recovered])
    }

    @Test func aFeedThatIsNotTakenIsReported() async throws {
        let events = try await feed(checks: 2, socket: NotifySocket.path()) { $0 }
        #expect(events == Array(repeating: .notSent(.failed(errno: 2)), count: 2))
    }

    @Test func cancellingEndsIt() async throws {
        let feeding = Task {
            var feeder = WatchdogFeeder(
                notifier: try ServiceNotifier(socket: nil), policy: WatchdogPolicy(interval: .seconds(3600)),
                read: { [:] }, report: { _ in })
            await feeder.run(on: ContinuousClock(), from: .now)
        }
        feeding.cancel()
        try await feeding.value
    }
}
