import MoedHost
import Synchronization
import Testing

struct HostThreadTests {
    @Test func aThreadRunsItsBodyOnceAndHasItsName() throws {
        let seen = Mutex<[String]>([])
        let thread = try HostThread(name: "moed-test-name") {
            let name = try? WholeFile.read("/proc/thread-self/comm", bytesMax: 64)
            seen.withLock { $0.append(String(decoding: name ?? [], as: UTF8.self)) }
        }
        thread.join()
        #expect(seen.withLock { $0 } == ["moed-test-name\n"])
    }

    /// Each side waits for the other: the count comes out even only if no signal is lost.
    @Test func aMonitorHandsTurnsToAndFro() throws {
        final class Turns {
            let monitor = Monitor(conditions: 2)
            var turn = 0
            var count = 0

            func play(_ side: Int) {
                for _ in 0..<1000 {
                    monitor.locked {
                        while turn != side { monitor.wait(for: Monitor.Condition(side)) }
                        count += 1
                        turn = 1 - side
                        monitor.signal(Monitor.Condition(turn))
                    }
                }
            }
        }
        let turns = Turns()
        let other = try HostThread.unchecked(name: nil) { turns.play(1) }
        turns.play(0)
        other.join()
        #expect(turns.count == 2000)
    }

    @Test func aWaitWithALimitEnds() {
        let monitor = Monitor()
        let clock = ContinuousClock()
        let start = clock.now
        monitor.locked { monitor.wait(for: Monitor.Condition(0), atMost: .milliseconds(20)) }
        // It may end early, but never before a fraction of the limit without a signal.
        #expect(clock.now - start >= .milliseconds(1))
    }

    @Test func aMissingFileIsNamedWithTheSystemsReason() {
        #expect {
            try WholeFile.read("/nowhere/at/all", bytesMax: 1)
        } throws: { "\($0)" == "/nowhere/at/all: No such file or directory" }
    }
}
