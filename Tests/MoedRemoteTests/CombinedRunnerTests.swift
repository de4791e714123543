import MoedCore
import MoedRemote
import Synchronization
import Testing

/// Two runners of one model.
@Suite struct CombinedRunnerTests {
    private final class Listed: JobRunner {
        let room: Int
        let isOutside: Bool
        let started = Mutex<[JobID]>([])
        var origin: RunnerOrigin? { nil }
        var models: [String] { ["m"] }
        var adapterOrigins: [RunnerOrigin] { isOutside ? [] : [RunnerOrigin(digest: "d", model: "adapted")] }
        var requestRoom: RequestRoom { RequestRoom(bodyMax: 100, bytes: 100) }

        init(room: Int, isOutside: Bool = false) { (self.room, self.isOutside) = (room, isOutside) }

        func mayRun(tenant: String, mayLeave: Bool) -> Bool { !isOutside || mayLeave }

        func start(_ jobs: [RunnableJob]) { started.withLock { $0 += jobs.map(\.id) } }
        func stop(_ jobs: [JobID]) {}
        func interrupt() {}
        func run(_ events: @escaping @Sendable (RunnerEvent) -> Void) async {}
    }

    private static func job(_ id: Int64, _ body: String? = "{}", model: String = "m") -> RunnableJob {
        RunnableJob(
            id: JobID(id), jobClass: JobClass(model: model, mode: .thinking, bucket: 5), body: body, waited: .zero)
    }

    @Test func theSecondTakesWhatTheFirstHasNoRoomFor() {
        let (first, second) = (Listed(room: 2), Listed(room: 9))
        CombinedRunner(first, second, origin: nil).start((1...4).map { Self.job($0) })
        #expect(first.started.withLock { $0 } == [JobID(1), JobID(2)])
        #expect(second.started.withLock { $0 } == [JobID(3), JobID(4)])
    }

    /// An endpoint would refuse them.
    @Test func constrainedJobsWaitForTheFirst() {
        let (first, second) = (Listed(room: 1), Listed(room: 9))
        let constrained = [#"{"response_format":{"type":"json_object"}}"#, #"{"guided_regex":"a"}"#, #"{"json_schema":{}}"#, #"{"regex":"a"}"#]
        CombinedRunner(first, second, origin: nil).start(
            [Self.job(1), Self.job(4, nil)] + (0..<4).map { Self.job(Int64(10 + $0), constrained[$0]) })
        #expect(first.started.withLock { $0 } == (10...13).map { JobID($0) })
        #expect(second.started.withLock { $0 } == [JobID(1), JobID(4)])
    }

    /// An endpoint would run them without their adapter; so it would those of an adapter that was just removed.
    @Test func jobsOfAdaptersWaitForTheFirst() {
        let (first, second) = (Listed(room: 0), Listed(room: 9, isOutside: true))
        let both = CombinedRunner(first, second, origin: nil)
        both.start([Self.job(1, model: "adapted"), Self.job(2), Self.job(3, model: "gone")])
        #expect(first.started.withLock { $0 } == [JobID(1), JobID(3)] && second.started.withLock { $0 } == [JobID(2)])
        #expect(both.origin(of: "adapted")?.digest == "d" && both.origin(of: "m") == nil)
    }

    /// The first runs in the house.
    @Test func jobsThatMayNotLeaveWaitForTheFirst() {
        let (first, second) = (Listed(room: 0), Listed(room: 9, isOutside: true))
        var kept = Self.job(1)
        kept.mayLeave = false
        let both = CombinedRunner(first, second, origin: nil)
        both.start([kept, Self.job(2)])
        #expect(first.started.withLock { $0 } == [JobID(1)] && second.started.withLock { $0 } == [JobID(2)])
        #expect(both.mayRun(tenant: "a", mayLeave: false))
    }

    /// The first runner would end them in time, so nothing else leaves it.
    @Test func onlyJobsThatWouldBeLateGoToTheSecond() {
        let (first, second) = (Listed(room: 0), Listed(room: 9))
        let both = CombinedRunner(first, second, origin: nil, plansDeadlines: true)
        #expect(both.room == 0 && both.urgentRoom == nil && both.plansDeadlines)
        both.plan([DeadlineCount(left: .seconds(1_000_000), jobs: 1)])
        #expect(both.urgentRoom == nil)
        // Its time is over before the first could have answered.
        both.plan([DeadlineCount(left: .zero, jobs: 1000)])
        #expect(both.urgentRoom == UrgentRoom(jobs: 9, within: .zero))
        var urgent = Self.job(1)
        urgent.timeLeft = .zero
        both.start([urgent])
        #expect(second.started.withLock { $0 } == [JobID(1)])
        let free = CombinedRunner(Listed(room: 3), Listed(room: 9), origin: nil, plansDeadlines: true)
        #expect(free.room == 3)
        #expect(!CombinedRunner(first, second, origin: nil).plansDeadlines)
    }
}
