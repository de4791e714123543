import Glibc
import MoedSystemd
import Synchronization
import Testing

struct WatchdogFeederTests {
    /// Runs a feeder for a while over a counter that `turn` advances or not; returns datagrams and events.
    private func feed(
        for time: Duration, turn: @escaping @Sendable (UInt64) -> UInt64
    ) async throws -> (datagrams: [String], events: [WatchdogFeeder.Event]) {
        let manager = try NotifySocket(NotifySocket.path())
        let events = Mutex<[WatchdogFeeder.Event]>([])
        let reads = Atomic<UInt64>(0)
        var policy = WatchdogPolicy(interval: .milliseconds(40))
        policy.watch("sweep", value: turn(0), at: .zero)
        let feeder = WatchdogFeeder(
            notifier: try ServiceNotifier(socket: manager.name), policy: policy,
            read: { ["sweep": turn(reads.wrappingAdd(1, ordering: .relaxed).newValue)] },
            report: { event in events.withLock { $0.append(event) } })
        let clock = ContinuousClock()
        let running = Task {
            var running = feeder
            await running.run(on: clock, from: clock.now)
        }
        try await clock.sleep(for: time)
        running.cancel()
        await running.value
        var datagrams: [String] = []
        while let datagram = manager.receive() { datagrams.append(datagram) }
        return (datagrams, events.withLock { $0 })
    }

    @Test func aMovingLoopIsFed() async throws {
        let (datagrams, events) = try await feed(for: .milliseconds(200)) { $0 }
        #expect(datagrams.count >= 3)
        #expect(Set(datagrams) == ["WATCHDOG=1"])
        #expect(events == [])
    }

    @Test func aStoppedLoopIsNamedOnceAndNoLongerFed() async throws {
        let (datagrams, events) = try await feed(for: .milliseconds(300)) { _ in 5 }
        #expect(datagrams.last == "STATUS=Stuck: sweep loop has made no progress for 0 s")
        #expect(datagrams.dropLast().allSatisfy { $0 == "WATCHDOG=1" })
        guard case .stuck(let stuck) = try #require(events.first) else {
            Issue.record("the first event is \(events)")
            return
        }
        #expect(stuck.map(\.loop) == ["sweep"])
        #expect(events.count == 1)
    }
}
