import Foundation
import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Statements of workers, clients and administrators, each while transactions of others are open, in every order of two and
/// in random orders of up to four sessions.
///
/// After each schedule every committed job ends once, the accounts agree, and no client has held up anybody else.
/// `MOED_INTERLEAVINGS` is the number of random schedules; with it, all pairs run. `MOED_INTERLEAVING_SEED` is the seed.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ExplorerTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let wanted = environment["MOED_INTERLEAVINGS"].flatMap { Int($0) }
    private static let seed = environment["MOED_INTERLEAVING_SEED"].flatMap { UInt64($0) } ?? 1
    /// One of so many pairs runs in a short run.
    private static let stride = 17

    @Test(.heavy) func everyPairOfSteps() async throws {
        let pairs = ExplorerSchedule.pairs()
        let chosen = pairs.indices.filter { Self.wanted != nil || $0 % Self.stride == Int(Self.seed) % Self.stride }
        try await explore(chosen.map { pairs[$0] })
    }

    @Test(.heavy) func randomOrdersOfSeveralSessions() async throws {
        var random = SplitMix(seed: Self.seed)
        try await explore((0..<(Self.wanted ?? 60)).map { _ in ExplorerSchedule.random(&random) })
    }

    private func explore(_ schedules: [ExplorerSchedule]) async throws {
        let queue = try await Queue()
        var sessions: [ExplorerSession] = []
        for _ in 0..<4 { sessions.append(try await ExplorerSession.open(queue.database)) }
        for (number, schedule) in schedules.enumerated() {
            let scene = try await ExplorerScene.make(queue, number: number)
            var run = ExplorerRun(scene, schedule, sessions)
            try await run.run()
            try #require(run.problems == [], "\(schedule.description)")
            // A name that a schedule registered is unknown again in the next one.
            try await queue.database.run(script: "DELETE FROM moed.model WHERE name = '\(ExplorerScene.model)'")
            if number % 100 == 99 { try await queue.database.run(script: "VACUUM") }
        }
        if Self.wanted != nil { print("\(schedules.count) schedules: everything held") }
        for session in sessions { await session.close() }
        await queue.close()
    }
}
