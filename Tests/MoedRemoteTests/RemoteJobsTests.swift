import MoedBatching
import MoedCore
import Testing

@testable import MoedRemote

/// Whole jobs against engines that fail: each ends once, with the tokens of an undisturbed run.
struct RemoteJobsTests {
    /// Plays the runner and the network for a `RemoteJobs`, on a clock of its own.
    struct World {
        var jobs: RemoteJobs
        var now = Duration.zero
        /// Chooses the fault of a request.
        var fault: (TransportRequest) -> FakeEngine.Fault = { _ in .none }
        var tellsCounts = true
        /// Answer to each chat.
        var chat: [TransportEvent] = []
        var cut = 3
        /// Responses that are under way, by ticket.
        var responses: [(ticket: Int, endpoint: Int, events: ArraySlice<TransportEvent>)] = []
        var results: [JobID: GenerationResult] = [:]
        var refusals: [JobID: RequestError] = [:]
        var failures: [JobID: Usage] = [:]
        var returned: [JobID] = []
        var stopped: [JobID: Usage] = [:]
        var pieces: [OutputPiece] = []
        var answers: [JobID: Int] = [:]
        var requests: [TransportRequest] = []
        var opened: [EngineRequest] = []
        var spent: [EngineSpending] = []
        /// False leaves requests unrecorded, as without a database.
        var records = true
        var remarks: [String] = []

        /// Number of the claim of submitted jobs.
        var claim: Int64 = 7
        /// Endpoints whose responses arrive at every other step.
        var slow: Set<Int> = []
        private var steps = 0

        init(_ endpoints: [Endpoint], patience: Duration = .seconds(5), policy: RoutingPolicy = .failover) {
            var rules = RemoteJobs.Rules(
                vocabularySize: FakeEngine.vocabulary, endIDs: [FakeEngine.end], probePrompt: [1, 2])
            (rules.patience, rules.policy) = (patience, policy)
            jobs = RemoteJobs(
                endpoints, rules: rules, checkpoints: CheckpointSchedule(interval: .seconds(1), tokens: 4), seed: 1)
        }

        mutating func perform(_ actions: [RemoteJobs.Action]) {
            for action in actions {
                switch action {
                case .send(let ticket, let request):
                    requests.append(request)
                    let answer = request.path == "/chat/completions" ? chat : FakeEngine.answer(request, fault(request), tellsCounts: tellsCounts, cut: cut)
                    responses.append((ticket, request.endpoint, answer[...]))
                case .close(let ticket): responses.removeAll { $0.ticket == ticket }
                case .report(.opening(let new)):
                    opened += new
                    if records { perform(jobs.proceed(Set(new.map(\.key)), now: now)) }
                case .report(let event): note(event)
                case .log(let remark): remarks.append(remark.text)
                }
            }
        }

        private mutating func note(_ event: RunnerEvent) {
            switch event {
            case .finished(let job, let result): (results[job], answers[job]) = (result, (answers[job] ?? 0) + 1)
            case .refused(let job, let error, _): (refusals[job], answers[job]) = (error, (answers[job] ?? 0) + 1)
            case .failed(let job, _, let wasted): (failures[job], answers[job]) = (wasted, (answers[job] ?? 0) + 1)
            case .returned(let jobs):
                returned += jobs
                for job in jobs { answers[job, default: 0] += 1 }
            case .stopped(let usages):
                stopped.merge(usages) { $1 }
                for job in usages.keys { answers[job, default: 0] += 1 }
            case .progressed(let new): pieces += new
            case .spent(let new): spent += new
            case .prepared, .judged, .opening: break
            }
        }

        mutating func submit(_ task: GenerationTask, owner: RemoteJobs.Owner = .init()) {
            perform(jobs.submit(task, attempt: claim, owner: owner, now: now))
        }

        /// Lets the network deliver one part of each response, then lets time pass.
        mutating func step(_ time: Duration = .milliseconds(100)) {
            for ticket in responses.map(\.ticket) {
                guard let index = responses.firstIndex(where: { $0.ticket == ticket }),
                    steps % 2 == 0 || !slow.contains(responses[index].endpoint),
                    let event = responses[index].events.popFirst()
                else { continue }
                perform(jobs.received(event, ticket: ticket, now: now, unixTime: 0))
            }
            steps += 1
            now += time
            perform(jobs.tick(now: now, unixTime: 0))
        }

        mutating func run(steps: Int = 4000) {
            for _ in 0..<steps where jobs.jobCount > 0 { step() }
        }
    }

    static func endpoints(_ count: Int, maxInFlight: Int? = 4) -> [Endpoint] {
        (0..<count).map { Endpoint(name: "e\($0)", api: .tokens, model: "m", maxInFlight: maxInFlight) }
    }

    /// A world whose endpoints are probed.
    static func world(_ count: Int = 1, maxInFlight: Int? = 4) -> World {
        var world = World(endpoints(count, maxInFlight: maxInFlight))
        for _ in 0..<40 where world.jobs.endpoints.contains(where: { !$0.breaker.isClosed }) { world.step() }
        world.requests = []
        return world
    }

    @Test func nothingStartsBeforeTheProbe() {
        var world = World(Self.endpoints(1))
        #expect(world.jobs.room == 0)
        world.step()
        #expect(world.requests.map(\.path) == ["/models"])
        for _ in 0..<20 { world.step() }
        #expect(world.requests.map(\.path) == ["/models", "/completions"])
        #expect(world.jobs.room == 4 && world.jobs.contextLength == 512)
        #expect(world.jobs.endpoints[0].facts?.tellsCounts == true)
    }

    @Test(arguments: [nil, 0, 5, 12] as [Int?], [1, 3])
    func aJobGivesTheTokensOfAnUndisturbedRun(budget: Int?, choices: Int) throws {
        var world = Self.world()
        let task = FakeTask.make(3, budget: budget, choices: choices)
        world.submit(task)
        world.run()
        let result = try #require(world.results[task.job])
        var expected = try #require(FakeTask.expected(task))
        expected.usage.cachedPrompt = budget == nil ? 1 : result.usage.cachedPrompt
        #expect(result == expected)
        #expect(world.answers == [task.job: 1])
        #expect(world.requests.first?.requestID == "moed-3-7-0-0")
        #expect(world.jobs.requestsInFlight == 0 && world.responses.isEmpty)
        let pieces = world.pieces.filter { $0.choice == 0 }.flatMap(\.tokens)
        #expect(Array(expected.choices[0].outputIDs.prefix(pieces.count)) == pieces)
    }

    /// Each fault in each state of a stream, once: the job still ends with the same tokens.
    @Test(arguments: FakeEngine.Fault.allCases, [true, false])
    func aFaultCostsNoJob(fault: FakeEngine.Fault, tellsCounts: Bool) throws {
        for cut in 0..<5 {
            var world = Self.world(2, maxInFlight: 1)
            world.tellsCounts = tellsCounts
            world.cut = cut
            var faults = 1
            world.fault = { request in
                guard request.body != nil, faults > 0 else { return .none }
                faults -= 1
                return fault
            }
            let task = FakeTask.make(5, budget: 12)
            world.submit(task)
            world.run(steps: 8000)
            let result = try #require(world.results[task.job], "\(fault), \(cut)")
            #expect(result.choices == FakeTask.expected(task)?.choices)
            #expect(result.usage.completion == result.choices[0].outputIDs.count)
            #expect(world.answers == [task.job: 1])
        }
    }

    @Test func aRequestThatAlwaysBreaksEndsTheAttempt() {
        var world = Self.world(2)
        world.cut = 0
        world.fault = { $0.body == nil ? .none : .cutInStream }
        world.submit(FakeTask.make(1))
        world.run()
        // It is tried three times, and gives up or goes back: no loop without end.
        #expect(world.answers == [JobID(1): 1])
        #expect(world.requests.count { $0.requestID != nil } <= 3)
    }

    @Test func jobsGoBackWhenNoEndpointAnswers() {
        var world = Self.world(2)
        world.fault = { _ in .refuse }
        for id in 1...6 { world.submit(FakeTask.make(id)) }
        for _ in 0..<200 { world.step() }
        #expect(world.returned.sorted() == (1...6).map { JobID($0) })
        #expect(world.answers.values.allSatisfy { $0 == 1 })
        #expect(world.jobs.room == 0)
        // Each endpoint is probed with growing pauses.
        #expect(world.requests.count < 40)
        world.fault = { _ in .none }
        for _ in 0..<400 { world.step() }
        #expect(world.jobs.room > 0)
    }

    @Test func aBusyEndpointIsLeftAlone() {
        var world = Self.world()
        world.fault = { $0.requestID == nil ? .none : .busyWithPause }
        world.submit(FakeTask.make(1))
        for _ in 0..<6 { world.step() }
        #expect(world.requests.count == 1)
        #expect(world.jobs.endpoints[0].breaker.pause(world.now) > .seconds(1))
        #expect(world.jobs.endpoints[0].window.limit == 2)
        #expect(world.jobs.endpoints[0].errors == [.busy: 1])
        world.fault = { _ in .none }
        world.run()
        #expect(world.results.count == 1)
    }

    @Test func theFirstHealthyEndpointInOrderIsTaken() {
        var world = Self.world(2, maxInFlight: 2)
        for id in 1...4 { world.submit(FakeTask.make(id)) }
        #expect(world.requests.map(\.endpoint) == [0, 0, 1, 1])
        world.run()
        #expect(world.results.count == 4)
        world.requests = []
        world.fault = { $0.endpoint == 0 ? .refuse : .none }
        for id in 5...8 {
            world.submit(FakeTask.make(id))
            world.run()
        }
        #expect(world.results.count == 8)
        #expect(world.requests.count { $0.endpoint == 0 && $0.requestID != nil } <= 1)
    }

    @Test func theWindowGrowsWhileItIsFull() {
        var world = Self.world(1, maxInFlight: nil)
        for id in 1...400 {
            while world.jobs.room == 0 { world.step() }
            world.submit(FakeTask.make(id))
        }
        #expect(world.jobs.endpoints[0].window.limit > 16)
        world.run()
        #expect(world.results.count == 400)
        // The fake engine has no metrics: it is asked once.
        #expect(world.requests.count { $0.path == "/metrics" } <= 1)
    }

    @Test func aStoppedJobIsClosedAndCounted() {
        var world = Self.world()
        world.submit(FakeTask.make(1))
        for _ in 0..<4 { world.step() }
        let received = world.jobs.tokensReceived
        world.perform(world.jobs.stop([JobID(1), JobID(99)], now: world.now))
        #expect(world.stopped.keys.sorted() == [JobID(1)])
        #expect(world.stopped[JobID(1)]?.completion == received && received > 0)
        #expect(world.responses.isEmpty && world.jobs.requestsInFlight == 0)
    }

    @Test func anInterruptReportsAllTokens() throws {
        var world = Self.world()
        let task = FakeTask.make(5)
        world.submit(task)
        for _ in 0..<5 { world.step() }
        world.perform(world.jobs.interrupt())
        let saved = world.pieces.flatMap(\.tokens)
        #expect(!saved.isEmpty && saved.count == world.jobs.tokensReceived)
        #expect(world.answers == [task.job: 1])
        // Another runner continues after them.
        var resumed = task
        resumed.saved = [0: saved]
        var other = Self.world()
        other.submit(resumed)
        #expect(other.requests.count == 1)
        other.run()
        #expect(other.results[task.job]?.choices == FakeTask.expected(task)?.choices)
        #expect(other.results[task.job]?.usage.recomputed ?? 0 >= saved.count)
    }

    /// 10,000 requests with faults by seed: no job is lost, none ends twice, none has other tokens.
    @Test(arguments: [true, false])
    func manyJobsSurviveManyFaults(tellsCounts: Bool) throws {
        var world = Self.world(2, maxInFlight: 8)
        world.tellsCounts = tellsCounts
        var random = SplitMix(seed: 11)
        world.fault = { request in
            guard random.next() % 4 == 0 else { return .none }
            let faults = FakeEngine.Fault.allCases
            return faults[Int(random.next() % UInt64(faults.count))]
        }
        var next = 1
        var todo: [Int] = []
        var ended = 0
        while ended < 7200, world.now < .seconds(200_000) {
            world.cut = Int(world.now / .milliseconds(100)) % 7
            while world.jobs.room > 0, todo.count > 0 || next <= 7200 {
                let id = todo.popLast() ?? next
                if id == next { next += 1 }
                world.claim += 1
                world.submit(FakeTask.make(id, newTokens: 4 + id % 6, budget: id % 3 == 0 ? 2 : nil))
            }
            world.step()
            // A job that went back or failed is claimed again by the queue.
            for job in world.returned + world.failures.keys { todo.append(Int(job.rawValue)) }
            for job in world.returned + world.failures.keys { world.answers[job] = 0 }
            (world.returned, world.failures) = ([], [:])
            ended = world.results.count
        }
        #expect(world.results.count == 7200)
        #expect(world.answers.values.allSatisfy { $0 == 1 })
        #expect(world.refusals.isEmpty)
        for (job, result) in world.results {
            let id = Int(job.rawValue)
            let task = FakeTask.make(id, newTokens: 4 + id % 6, budget: id % 3 == 0 ? 2 : nil)
            #expect(result.choices == FakeTask.expected(task)?.choices)
        }
        #expect(world.jobs.requestsInFlight == 0)
        #expect(world.requests.count { $0.requestID != nil } >= 10_000)
        #expect(Set(world.opened.map(\.key)).count == world.opened.count)
        #expect(Set(world.spent.map(\.key)) == Set(world.opened.map(\.key)))
        #expect(world.spent.count == world.opened.count)
        let kept = world.spent.reduce(0) { $0 + ($1.kept ?? 0) }
        #expect(kept <= world.spent.reduce(0) { $0 + ($1.completion ?? 0) })
    }
}
