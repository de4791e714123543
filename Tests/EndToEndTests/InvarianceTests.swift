import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Contract 2 through the whole program: the same seeded jobs give the same tokens, however they are run.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct InvarianceTests {
    static let jobs = 64

    /// Enqueues the 64 jobs, in an order of the database's choosing when `shuffled`.
    func enqueue(_ scene: Scene, shuffled: Bool = false) async throws {
        try await scene.database.query(
            """
            SELECT moed.enqueue(
                     prompt => CASE i % 4 WHEN 0 THEN 'What is ' || i * 37 || ' + ' || i * 113 || '?'
                                          WHEN 1 THEN 'Spell garden backwards.'
                                          WHEN 2 THEN 'Sort ' || i || ', 7, ' || 99 - i || ' in ascending order.'
                                          ELSE 'How many times does the letter e appear in nevertheless?' END,
                     reasoning => CASE WHEN i % 3 = 0 THEN 'non_thinking' ELSE 'thinking' END,
                     temperature => 1.2, max_tokens => 24 + i % 40, seed => i, idempotency_key => 'job ' || i,
                     thinking_token_budget => CASE WHEN i % 5 = 0 THEN 10 END,
                     presence_penalty => CASE WHEN i % 7 = 0 THEN 0.5 END,
                     params => CASE WHEN i % 8 = 0 THEN '{"n": 2}'::json END)
              FROM generate_series(1, \(Int32(Self.jobs))) AS i
             ORDER BY CASE WHEN \(shuffled) THEN md5(i::text) ELSE to_char(i, '000') END
            """)
    }

    /// Everything that was generated, by job: choices with texts and reasons, and all token counts.
    func outputs(_ scene: Scene) async throws -> [String] {
        try await scene.database.query(
            """
            SELECT idempotency_key || ' ' || (response -> 'choices')::text || (response -> 'usage')::text AS output
              FROM moed.jobs WHERE state = 'succeeded' ORDER BY idempotency_key
            """
        ).map { try $0.value("output") }
    }

    func run(_ settings: [String: String], shuffled: Bool = false, workers: Int = 1) async throws -> [String]
    {
        let scene = try await Scene()
        try await enqueue(scene, shuffled: shuffled)
        if workers == 1 {
            try await scene.drain(settings)
        } else {
            var daemons: [MoedDaemonProcess] = []
            // Every daemon claims some jobs before any daemon continues.
            for number in 1...workers {
                let daemon = try scene.start(settings)
                daemons.append(daemon)
                #expect(
                    try await daemon.freeze {
                        try await scene.database.value(
                            "SELECT count(DISTINCT leased_by) AS value FROM moed.job WHERE state = 'running'"
                        ) == number
                    })
            }
            for daemon in daemons { daemon.thaw() }
            #expect(
                try await eventually {
                    try await scene.count("state = 'succeeded'") == Int64(Self.jobs)
                })
            for daemon in daemons { daemon.signal(15) }
            for daemon in daemons { #expect(try await daemon.exitCode() == 0) }
            let shares = try await scene.database.query("SELECT DISTINCT worker FROM moed.jobs")
            #expect(shares.count == workers, "one worker did everything")
        }
        #expect(try await scene.accountingFaults() == [])
        return try await outputs(scene)
    }

    @Test func sixtyFourJobsFiveWays() async throws {
        let together = try await run(["engine.slots": "64"])
        #expect(together.count == Self.jobs)
        #expect(Set(together).count == Self.jobs)
        #expect(try await run(["engine.slots": "1"]) == together, "one by one")
        #expect(try await run(["engine.slots": "8"], shuffled: true) == together, "shuffled")
        #expect(
            try await run(["engine.slots": "5", "engine.prefill_chunk": "7"]) == together,
            "prefill chunks of 7")
        #expect(
            try await run(["engine.prefill_chunk": "512", "engine.threads": "1", "engine.cpu": "avx2"])
                == together,
            "prefill chunks of 512, one thread, other kernels")
        #expect(
            try await run(["engine.slots": "4", "queue.claim_max": "2"], workers: 2) == together,
            "two workers at once")
    }
}
