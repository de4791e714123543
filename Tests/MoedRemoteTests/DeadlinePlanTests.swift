import MoedCore
import MoedRemote
import Testing

/// Jobs that the engine in the house cannot end in time.
@Suite struct DeadlinePlanTests {
    private static func id(_ number: Int) -> JobID { JobID(Int64(number)) }

    /// An engine that ends a job with a deadline every `pace` seconds.
    private static func plan(pace: Int, jobs: Int = 200) -> (plan: DeadlinePlan, now: Duration) {
        var plan = DeadlinePlan()
        plan.plan([DeadlineCount(left: .seconds(1_000_000), jobs: 1)], now: .zero)
        for job in 0..<jobs {
            plan.started(id(job), isDue: true, now: .seconds(job * pace))
            plan.ended(id(job), isDone: true, now: .seconds((job + 1) * pace))
        }
        return (plan, .seconds(jobs * pace))
    }

    @Test func whatIsMadeStays() {
        var (plan, now) = Self.plan(pace: 2)
        // Half a job a second; nine tenths of that are counted on.
        plan.plan([DeadlineCount(left: .seconds(1000), jobs: 440)], now: now)
        #expect(plan.horizon(now: now) == nil)
        plan.plan([DeadlineCount(left: .seconds(1000), jobs: 460)], now: now)
        #expect(plan.horizon(now: now) == .seconds(1000))
        // Time passes, and nothing ends.
        plan.plan([DeadlineCount(left: .seconds(1000), jobs: 440)], now: now)
        #expect(plan.horizon(now: now + .seconds(100)) == .seconds(900))
    }

    @Test func theNearestDeadlinesCountFirst() {
        var (plan, now) = Self.plan(pace: 2)
        plan.plan(
            [DeadlineCount(left: .seconds(2000), jobs: 100), DeadlineCount(left: .seconds(100), jobs: 60)], now: now)
        // The first sixty are late; all one hundred and sixty are done in two thousand seconds.
        #expect(plan.horizon(now: now) == .seconds(100))
        plan.plan(
            [DeadlineCount(left: .seconds(100), jobs: 10), DeadlineCount(left: .seconds(200), jobs: 100)], now: now)
        #expect(plan.horizon(now: now) == .seconds(200))
    }

    @Test func runningJobsCountToo() {
        var (plan, now) = Self.plan(pace: 2)
        plan.plan([DeadlineCount(left: .seconds(100), jobs: 40)], now: now)
        #expect(plan.horizon(now: now) == nil)
        for job in 0..<9 { plan.started(Self.id(1000 + job), isDue: true, now: now) }
        #expect(plan.horizon(now: now) == .seconds(100))
        // Jobs without a deadline do not.
        for job in 0..<9 { plan.ended(Self.id(1000 + job), isDone: false, now: now) }
        for job in 0..<9 { plan.started(Self.id(2000 + job), isDue: false, now: now) }
        #expect(plan.horizon(now: now) == nil)
    }

    @Test func anEngineThatEndsNothingIsLate() {
        var plan = DeadlinePlan()
        plan.plan([DeadlineCount(left: .seconds(600), jobs: 5)], now: .zero)
        plan.started(Self.id(1), isDue: true, now: .zero)
        #expect(plan.horizon(now: .seconds(10)) == nil)
        // A tenth of the time is over. One answer by now would make six in six hundred seconds: still in time.
        #expect(plan.horizon(now: .seconds(70)) == nil)
        #expect(plan.horizon(now: .seconds(120)) == .seconds(480))
    }

    @Test func longJobsAreKnown() {
        let (plan, _) = Self.plan(pace: 30)
        #expect(plan.isTooLate(.seconds(29)) && !plan.isTooLate(.seconds(31)))
        #expect(!DeadlinePlan().isTooLate(.zero))
    }

    @Test func noDeadlineIsNoHorizon() {
        var (plan, now) = Self.plan(pace: 1)
        plan.plan([], now: now)
        #expect(plan.horizon(now: now) == nil)
        #expect(DeadlinePlan().horizon(now: .seconds(5)) == nil)
    }
}
