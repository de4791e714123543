import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Counts of the queue for people: all queued jobs, and the jobs that a drain leaves.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct CensusTests {
    /// The census without ages. Each class that has jobs has one.
    private func counts(_ queue: Queue) async throws -> QueueCensus {
        var census = try await queue.store.census(models: ["default"])
        #expect(Set(census.oldest.keys) == Set(census.queued.keys))
        census.oldest = [:]
        return census
    }

    @Test func agesAreThoseOfTheOldest() async throws {
        let queue = try await Queue()
        _ = try await queue.worker()
        try await queue.add(3)
        try await queue.database.run(
            script: "UPDATE moed.job SET created_at = now() - interval '1 h', run_at = now() - interval '1 h' WHERE id = 1")
        let census = try await queue.store.census(models: ["default"])
        let age = try #require(census.oldest[Queue.jobClass])
        #expect(age >= .seconds(3600) && age < .seconds(7200))
        await queue.close()
    }

    @Test func allQueuedJobsAreCounted() async throws {
        let queue = try await Queue()
        _ = try await queue.worker()
        #expect(try await queue.store.census(models: ["default"]) == QueueCensus())
        try await queue.add(3000, tenant: "a")
        try await queue.add(500, tenant: "b")
        try await queue.database.run(
            script: """
                SELECT moed.enqueue(prompt => 'x'), moed.register_model('later'),
                       moed.enqueue(prompt => 'x', model => 'later'), moed.enqueue(prompt => 'x', run_at => 'infinity')
                """)
        let thinking = JobClass(model: "default", mode: .thinking, bucket: 12)
        var expected = QueueCensus()
        expected.queued = [Queue.jobClass: 3500, thinking: 1]
        expected.unserved = ["later"]
        #expect(try await counts(queue) == expected)
        #expect(expected.total == 3501)
        #expect(expected.hindrances == "no worker for: later")

        try await queue.database.run(script: "SELECT moed.pause('tenant', 'a'), moed.pause('model', 'later')")
        expected.held = 3000
        expected.paused = ["model later", "tenant a"]
        #expect(try await counts(queue) == expected)
        #expect(expected.hindrances == "paused: model later, tenant a; no worker for: later")
        try await queue.database.run(script: "SELECT moed.pause('all')")
        #expect(try await queue.store.census(models: ["default"]).held == 3501)
        #expect(try await queue.store.census(models: []).queued == [:])
        await queue.close()
    }

    /// Each job is counted once, under the first reason that holds.
    @Test func aDrainSaysWhatItLeaves() async throws {
        let queue = try await Queue()
        let (worker, other) = (try await queue.worker(), try await queue.worker())
        #expect(try await queue.store.leftover(models: ["default"]) == Leftover())
        try await queue.add(1, tenant: "running")
        #expect(try await queue.store.claim(other, Queue.jobClass, limit: 1).count == 1)
        try await queue.add(2, tenant: "spent")
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        _ = try await queue.store.complete(claimed.map { JobCompletion($0.lease) })
        try await queue.store.foldUsage()
        try await queue.add(3, tenant: "paused")
        try await queue.add(4, tenant: "open")
        try await queue.database.run(
            script: """
                UPDATE moed.tenant SET tokens_per_day = 14 WHERE name = 'spent';
                SELECT moed.pause('tenant', 'paused');
                SELECT moed.enqueue(prompt => 'x', model => 'elsewhere') FROM generate_series(1, 5);
                SELECT moed.enqueue(prompt => 'x', run_at => now() + interval '1 day', tenant => 'paused') FROM generate_series(1, 6)
                """)
        let left = try await queue.store.leftover(models: ["default"])
        #expect(
            left
                == Leftover([
                    .queued: 4, .paused: 3, .overBudget: 1, .scheduled: 6, .running: 1, .otherModels: 5,
                ]))
        #expect(
            left.text
                == "4 queued, 3 paused, 1 over budget, 6 scheduled, 1 held by other workers, 5 for other models"
        )
        #expect(!left.isNothing)
        #expect(Leftover([.otherModels: 5, .paused: 0]).isNothing)
        #expect(Leftover().text == nil)
        await queue.close()
    }
}
