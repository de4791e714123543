import MoedBatching
import MoedCore
import Testing

@testable import MoedRemote

/// The account of requests: recorded before they are sent, each with what it cost.
struct SpendingTests {
    @Test func nothingIsSentBeforeItIsRecorded() {
        var world = RemoteJobsTests.world()
        world.records = false
        world.submit(FakeTask.make(3))
        for _ in 0..<100 { world.step(.seconds(30)) }
        #expect(world.requests.isEmpty && world.spent.isEmpty && world.answers.isEmpty)
        #expect(world.opened.map(\.name) == ["moed-3-7-0-0"])
        #expect(world.opened[0].endpoint == "e0" && world.opened[0].prompt == 3 && world.opened[0].firstToken == 0)
        world.perform(world.jobs.proceed(Set(world.opened.map(\.key)), now: world.now))
        #expect(world.requests.map(\.requestID) == ["moed-3-7-0-0"])
        world.records = true
        world.run()
        #expect(world.results.count == 1)
        // It proceeds once.
        #expect(world.jobs.proceed(Set(world.opened.map(\.key)), now: world.now).isEmpty)
    }

    @Test func aJobThatEndsBeforeItsRecordCostsNothing() {
        var world = RemoteJobsTests.world()
        world.records = false
        world.submit(FakeTask.make(3))
        world.perform(world.jobs.stop([JobID(3)], now: world.now))
        #expect(world.spent.map(\.outcome) == ["unsent"] && world.spent[0].prompt == 0)
        world.perform(world.jobs.proceed(Set(world.opened.map(\.key)), now: world.now))
        #expect(world.requests.isEmpty && world.jobs.requestsInFlight == 0)
    }

    @Test(arguments: [true, false])
    func aGoodRequestIsTheEndpointsWord(tellsCounts: Bool) throws {
        var world = RemoteJobsTests.world()
        world.tellsCounts = tellsCounts
        world.submit(FakeTask.make(3, budget: 12))
        world.run()
        let result = try #require(world.results[JobID(3)])
        #expect(world.spent.allSatisfy { $0.source == .usage || $0.outcome == "closed" })
        #expect(world.spent.map(\.outcome).last == "finished")
        let kept = world.spent.reduce(0) { $0 + ($1.kept ?? 0) }
        #expect(kept == result.usage.completion - result.usage.injected)
        #expect(world.spent[0].cached == 1 && world.spent[0].prompt == 3)
    }

    /// Each fault, and what the account says of the request that met it.
    @Test(arguments: [
        (FakeEngine.Fault.refuse, "unreachable", EngineSpending.Source.counted, 0, 0, 0), (.busy, "busy", .counted, 0, 0, 0),
        (.serverError, "server", .counted, 0, 0, 0), (.cutAtOnce, "cut", .estimated, 3, 0, 0),
        (.cutInStream, "cut", .usage, 3, 3, 3), (.doneEarly, "cut", .usage, 3, 3, 3),
        (.twice, "counts", .usage, 3, 4, 0), (.lost, "counts", .usage, 3, 5, 0),
        (.errorEvent, "server", .usage, 3, 3, 3), (.stallAtOnce, "stalled", .estimated, 3, 0, 0),
        (.stallInStream, "stalled", .usage, 3, 3, 3), (.malformed, "malformed", .usage, 3, 3, 3),
    ])
    func aBrokenRequestIsAccounted(
        fault: FakeEngine.Fault, outcome: String, source: EngineSpending.Source, prompt: Int, completion: Int, kept: Int
    ) throws {
        var world = RemoteJobsTests.world(2, maxInFlight: 1)
        var faults = 1
        world.fault = { request in
            guard request.body != nil, faults > 0 else { return .none }
            faults -= 1
            return fault
        }
        world.submit(FakeTask.make(5))
        world.run(steps: 9000)
        #expect(world.results.count == 1)
        let spending = try #require(world.spent.first)
        #expect(spending.outcome == outcome && spending.source == source)
        #expect((spending.prompt, spending.completion, spending.kept) == (prompt, completion, kept))
    }

    @Test func aToldCostIsDecimal() {
        #expect(ReportedUsage(["cost": 3.05e-05])?.cost.flatMap(Double.init) == 3.05e-05)
        #expect(ReportedUsage(["cost": 0])?.cost == "0")
        #expect(ReportedUsage(["cost": -1])?.cost == nil)
        #expect(ReportedUsage(["cost": "1"])?.cost == nil)
        #expect(ReportedUsage(["prompt_tokens": 1])?.cost == nil)
    }
}
