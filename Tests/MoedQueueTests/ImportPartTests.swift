import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Batches that are made part by part: by a client, and of a file that was uploaded.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ImportPartTests {
    private static let key = SHA256.hexadecimal("sk-test")

    private func line(_ id: String) -> String { BatchTests.line(id) + "\n" }

    private func status(_ queue: Queue, _ batch: String) async throws -> String? {
        try await queue.database.value("SELECT concat_ws(' ', status, lines, unfinished) AS value FROM moed.batches WHERE id::text = \(batch)")
    }

    private func begin(_ queue: Queue, _ key: String) async throws -> (batch: String, next: Int, isOpen: Bool) {
        let row = try #require(
            try await queue.database.query(
                "SELECT batch::text AS batch, coalesce(next_part, -1) AS next, is_open FROM moed.begin_import('n', \(key), reasoning => 'non_thinking')"
            ).first)
        return (try row.value("batch"), try row.value("next"), try row.value("is_open"))
    }

    @Test func anInterruptedImportContinuesWithoutDoubles() async throws {
        let queue = try await Queue()
        let first = try await begin(queue, "file")
        #expect(first.next == 0 && first.isOpen)
        for (part, lines) in [(0, line("a") + "\n" + line("b")), (0, line("x")), (1, line("a") + line("c"))] {
            try await queue.database.query("SELECT moed.import_part(\(first.batch)::uuid, \(Int32(part)), \(lines))")
        }
        #expect(try await status(queue, first.batch) == "validating 4 3")
        let second = try await begin(queue, "file")
        #expect(second.batch == first.batch && second.next == 2 && second.isOpen)
        #expect(try await begin(queue, "other").batch != first.batch)
        await #expect(throws: DatabaseError.self) {
            try await queue.database.query("SELECT moed.import_part(\(first.batch)::uuid, 3, 'x')")
        }
        try await queue.database.query("SELECT moed.end_import(\(first.batch)::uuid)")
        #expect(try await status(queue, first.batch) == "in_progress 4 3")
        let third = try await begin(queue, "file")
        #expect(third.batch == first.batch && !third.isOpen)
        await #expect(throws: DatabaseError.self) {
            try await queue.database.query("SELECT moed.import_part(\(first.batch)::uuid, 2, 'x')")
        }
        // Lines are numbered through all parts, and the duplicate is the line of another part.
        let lines = try await queue.database.query("SELECT concat_ws(' ', line, custom_id, error_code) AS text FROM moed.batch_line ORDER BY line")
        #expect(try lines.map { try $0.value("text", as: String.self) } == ["1 a", "3 b", "4 a duplicate_custom_id", "5 c"])
        #expect(try await queue.database.value("SELECT count(*) AS value FROM moed.job WHERE mode = 'non_thinking'", as: Int64.self) == 3)
        await queue.close()
    }

    @Test func aCancelledImportTakesNoMoreLines() async throws {
        let queue = try await Queue()
        let import_ = try await begin(queue, "file")
        try await queue.database.query("SELECT moed.import_part(\(import_.batch)::uuid, 0, \(line("a")))")
        try await queue.database.query("SELECT moed.cancel_batch(\(import_.batch)::uuid)")
        await #expect(throws: DatabaseError.self) {
            try await queue.database.query("SELECT moed.import_part(\(import_.batch)::uuid, 1, \(line("b")))")
        }
        #expect(try await status(queue, import_.batch) == "cancelled 1 0")
        await queue.close()
    }

    /// A file of `parts`, uploaded with the key, and a batch of it.
    private func upload(_ queue: Queue, _ parts: [String]) async throws -> String {
        let file: String = try #require(try await queue.database.value("SELECT moed.api_begin_file(\(Self.key), 'f')::text AS value"))
        for (part, text) in parts.enumerated() {
            try await queue.database.query("SELECT moed.api_add_part(\(Self.key), \(file)::uuid, \(Int32(part)), \(text), 1)")
        }
        try await queue.database.query("SELECT moed.api_finish_file(\(Self.key), \(file)::uuid, 'batch')")
        return try #require(
            try await queue.database.value("SELECT moed.api_create_batch(\(Self.key), \(file)::uuid, '1 hour')::text AS value"))
    }

    private func addKey(_ queue: Queue) async throws {
        try await queue.database.query("SELECT moed.create_key('app', \(Self.key), 'sk-test')")
    }

    private func step(_ queue: Queue) async throws -> Bool? {
        try await queue.database.value("SELECT moed.api_import_step() AS value")
    }

    @Test func filesTakeTurnsAndTheOwnerIsTheKeys() async throws {
        let queue = try await Queue()
        try await addKey(queue)
        let long = try await upload(queue, (0..<4).map { line("l\($0)") })
        let short = try await upload(queue, [line("s")])
        for _ in 0..<4 { #expect(try await step(queue) == true) }
        #expect(try await status(queue, short) == "in_progress 1 1")
        #expect(try await status(queue, long) == "validating 2 2")
        while try await step(queue) == true {}
        #expect(try await status(queue, long) == "in_progress 4 4")
        #expect(
            try await queue.database.value(
                "SELECT count(*) AS value FROM moed.jobs WHERE tenant = 'app' AND expires_at > now() + interval '59 min'", as: Int64.self) == 5)
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    /// Two gateways work on one file: while one has a part open, the other finds nothing, and cancels without waiting.
    @Test func aStepHoldsNobodyUp() async throws {
        let queue = try await Queue()
        try await addKey(queue)
        let batch = try await upload(queue, [line("a"), line("b")])
        let other = try await queue.database.connect()
        try await other.run(script: "BEGIN; SELECT moed.api_import_step()")
        #expect(try await step(queue) == false)
        try await queue.database.run(script: "SET statement_timeout = '10s'")
        try await queue.database.query("SELECT moed.api_cancel_batch(\(Self.key), \(batch)::uuid)")
        try await other.run(script: "COMMIT")
        while try await step(queue) == true {}
        // The part that was open when the cancellation came is cancelled by the seal.
        #expect(try await status(queue, batch) == "cancelled 1 0")
        #expect(try await queue.database.value("SELECT status AS value FROM moed.api_batches(\(Self.key))", as: String.self) == "cancelled")
        await other.close()
        await queue.close()
    }

    /// The database refuses a part, as an administrator's trigger may: the files behind it go on.
    @Test func aRefusedPartBecomesAnError() async throws {
        let queue = try await Queue()
        try await addKey(queue)
        try await queue.database.run(
            script: """
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                  IF (SELECT count(*) FROM moed.job) = 1 THEN RAISE 'enough'; END IF; RETURN NEW; END $$;
                CREATE TRIGGER refuse BEFORE INSERT ON moed.job FOR EACH ROW EXECUTE FUNCTION refuse()
                """)
        let batch = try await upload(queue, [line("a"), line("b"), "{\n"])
        while try await step(queue) == true {}
        #expect(try await status(queue, batch) == "in_progress 3 1")
        let codes = try await queue.database.query("SELECT line || ' ' || error_code AS text FROM moed.batch_line WHERE error_code IS NOT NULL ORDER BY line")
        #expect(try codes.map { try $0.value("text", as: String.self) } == ["2 import_failed", "3 invalid_json"])
        await queue.close()
    }

    @Test func objectsOfOtherTenantsAreUnknown() async throws {
        let queue = try await Queue()
        try await addKey(queue)
        let stranger = SHA256.hexadecimal("sk-other")
        try await queue.database.query("SELECT moed.create_key('other', \(stranger), 'sk-other')")
        let batch = try await upload(queue, [line("a")])
        while try await step(queue) == true {}
        let file: String = try #require(try await queue.database.value("SELECT input_file::text AS value FROM moed.batch"))
        for statement in [
            "SELECT count(*) AS value FROM moed.api_files(\(stranger), max_files => 9)",
            "SELECT count(*) AS value FROM moed.api_batches(\(stranger), \(batch)::uuid)",
            "SELECT count(*) AS value FROM moed.api_output(\(stranger), \(batch)::uuid, false, 0, 9)",
            "SELECT count(moed.api_file_part_of(\(stranger), \(file)::uuid, 0)) AS value",
            "SELECT moed.api_delete_file(\(stranger), \(file)::uuid)::int::bigint AS value",
            "SELECT moed.api_delete_output(\(stranger), \(batch)::uuid, true)::int::bigint AS value",
        ] as [SQL] {
            #expect(try await queue.database.value(statement, as: Int64.self) == 0)
        }
        for statement in [
            "SELECT moed.api_cancel_batch(\(stranger), \(batch)::uuid)",
            "SELECT moed.api_create_batch(\(stranger), \(file)::uuid, '1h')",
            "SELECT moed.api_add_part(\(stranger), \(file)::uuid, 1, 'x', 1)",
        ] as [SQL] {
            await #expect(throws: DatabaseError.self) { try await queue.database.query(statement) }
        }
        await queue.close()
    }
}
