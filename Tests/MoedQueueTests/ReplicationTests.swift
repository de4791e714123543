import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Logical replication finds a changed row by its table's replica identity.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ReplicationTests {
    @Test func everyTableHasAReplicaIdentity() async throws {
        let queue = try await Queue()
        let names: [String] = try await queue.database.query(
            """
            SELECT c.relname AS name FROM pg_class c
             WHERE c.relnamespace = 'moed'::regnamespace AND c.relkind IN ('r', 'p')
               AND NOT (c.relreplident = 'f'
                        OR c.relreplident = 'd' AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
                        OR c.relreplident = 'i' AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident))
            """
        ).map { try $0.value("name") }
        #expect(names == [])
        await queue.close()
    }

    /// A publication for all tables changes nothing for jobs, maintenance and operators.
    @Test func aPublicationForAllTablesStopsNothing() async throws {
        let queue = try await Queue()
        #expect(try await queue.database.value("SELECT current_setting('wal_level') AS value") == "logical")
        try await queue.database.run(script: "CREATE PUBLICATION everything FOR ALL TABLES")
        let worker = try await queue.worker()
        for _ in 0..<3 {
            let ids = try await queue.add(4)
            let jobs = try await queue.store.claim(worker, Queue.jobClass, limit: 4)
            #expect(Set(jobs.map(\.id)) == Set(ids))
            _ = try await queue.store.checkpoint(
                jobs.map { JobCheckpoint(lease: $0.lease, choice: 0, firstToken: 0, tokens: [1]) }, computedBy: "x")
            try await queue.database.run(script: "SELECT moed.cancel(\(jobs[3].id))")
            #expect(
                try await queue.store.complete(jobs.prefix(3).map { JobCompletion($0.lease) })
                    == [.committed, .committed, .committed])
            #expect(try await queue.store.release([JobRelease(lease: jobs[3].lease)]) == [.committed])
            _ = try await queue.store.maintain()
            #expect(try await queue.database.value("SELECT count(*) AS value FROM moed.usage_delta") == 0)
        }
        try await queue.database.run(
            script: "SELECT moed.redrive(id) FROM moed.job WHERE state = 'cancelled'; SELECT moed.prune('0 s')")
        #expect(try await queue.violations() == [])
        await queue.close()
    }
}
