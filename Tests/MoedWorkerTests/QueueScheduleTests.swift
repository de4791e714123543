import MoedWorker
import Testing

@Suite struct QueueScheduleTests {
    @Test func everythingIsDueAtTheStartAndThenInItsTime() {
        var schedule = QueueSchedule(beatInterval: .seconds(5), pollInterval: .seconds(2), now: .zero)
        #expect(schedule.take(now: .zero, wokenUp: false) == [.beat, .maintain, .poll, .stop])
        #expect(schedule.take(now: .milliseconds(900), wokenUp: false) == [])
        #expect(schedule.idleTime(now: .milliseconds(900)) == .milliseconds(100))
        #expect(schedule.take(now: .seconds(1), wokenUp: false) == .stop)
        #expect(schedule.take(now: .seconds(2), wokenUp: false) == [.maintain, .poll, .stop])
        #expect(schedule.take(now: .seconds(5), wokenUp: false) == [.beat, .maintain, .poll, .stop])
    }

    @Test func aWakeupPollsEarlyAndPostponesTheNext() {
        var schedule = QueueSchedule(beatInterval: .seconds(50), pollInterval: .seconds(10), now: .zero)
        _ = schedule.take(now: .zero, wokenUp: false)
        #expect(schedule.take(now: .milliseconds(600), wokenUp: true) == .poll)
        #expect(schedule.take(now: .seconds(10), wokenUp: false) == [.maintain, .stop])
        #expect(schedule.take(now: .milliseconds(10_600), wokenUp: false) == .poll)
    }

    @Test func anOutageIsToldOnceAMinute() {
        var outage = OutageLog()
        let told = (0..<200).map { outage.failed("refused", at: .seconds($0)) }
        #expect(told.indices.filter { told[$0] } == [0, 60, 120, 180])
        let isAnotherTold = outage.failed("another reason", at: .seconds(200))
        #expect(isAnotherTold)
        let (length, none) = (outage.ended(at: .seconds(210)), outage.ended(at: .seconds(211)))
        #expect(length == .seconds(210) && none == nil)
        let isNextTold = outage.failed("refused", at: .seconds(212))
        #expect(isNextTold)
    }

    @Test func backoffDoublesToItsCap() {
        var backoff = Backoff()
        let waits = (0..<8).map { _ in backoff.next() }
        #expect(
            waits.prefix(4) == [
                .milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1600),
            ])
        #expect(waits.last == .seconds(5))
        backoff.reset()
        #expect(backoff.next() == .milliseconds(200))
    }
}
