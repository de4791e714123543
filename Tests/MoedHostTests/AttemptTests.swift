import MoedHost
import Synchronization
import Testing

@Suite struct AttemptTests {
    private struct Refused: Error {}

    @Test func itsResultIsHandedOver() async throws {
        #expect(try await Attempt { 7 }.value(every: .seconds(1)) { true } == 7)
        await #expect(throws: Refused.self) {
            _ = try await Attempt<Int> { throw Refused() }.value(every: .seconds(1)) { true }
        }
    }

    /// The starter is asked again and again while the work goes on, and may leave it.
    @Test func itCanBeLeft() async throws {
        let asked = Mutex(0)
        let attempt = Attempt { try await Task.sleep(for: .seconds(3600)) }
        let value: Void? = try await attempt.value(every: .milliseconds(5)) {
            asked.withLock { asked in
                asked += 1
                return asked < 4
            }
        }
        #expect(value == nil && asked.withLock { $0 } == 4)
    }
}
