import MoedCore
import MoedQueue
import MoedRehearsal
import MoedTools
import TestSupport
import Testing

/// The scenarios of `moed chaos`, small enough for every run of the tests.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ChaosTests {
    /// Sizes by scenario. With them a scenario takes seconds.
    private static let sizes = [
        "T1": 12, "T2": 4, "T3": 30, "T4": 15, "T6": 3, "T8": 31, "T11": 2000, "T12": 40, "T16": 1600,
        "T17": 30,
        "T13": 3, "T18": 150, "T22": 300, "T23": 2, "T10": 2, "T25": 1000, "T26": 1, "T27": 1, "T28": 1,
    ]

    @Test(.heavy, arguments: Chaos.scenarios.map(\.test))
    func nothingIsLostAndNothingComesTwice(test: String) async throws {
        let database = try await TestDatabase.create()
        let scenario = try #require(Chaos.scenarios.first { $0.test == test })
        let size = try #require(Self.sizes[test], "a new scenario needs a size here")
        let verdict = await scenario.run(on: database.conninfo, size: size, seed: 7)
        #expect(verdict.failures == [])
        await database.close()
    }

    /// A scenario that breaks something must say so: here an answer that is not the job's.
    @Test(.heavy) func aBrokenQueueIsNoticed() async throws {
        let database = try await TestDatabase.create()
        let verdict = await Self.alwaysBroken.run(on: database.conninfo, size: 1, seed: 1)
        #expect(verdict.failures.contains { $0.contains("without exactly one final ledger row") })
        #expect(verdict.failures.contains { $0.contains("another answer or account") })
        await database.close()
    }

    private static let alwaysBroken = ChaosScenario("T0", "answers are forged; size:", size: 1) { trial in
        try await trial.database.enqueue(2)
        let worker = try await SimulatedWorker.start(in: trial.database)
        _ = try await worker.claimNext(limit: 2)
        let jobs = await worker.held.map(\.id)
        try await worker.completeAll()
        try await trial.database.forge(jobs[0], jobs[1])
        await worker.vanish()
    }

    @Test func anUnknownScenarioIsNamed() async throws {
        let error = await #expect(throws: ConfigurationProblem.self) {
            _ = try await Chaos.run(database: "", tests: ["T1", "T99"], part: 1, seed: 1)
        }
        #expect(error?.description.contains("T99") == true)
    }
}
