import MoedPostgres
import TestSupport
import Testing

/// The mode of a job class is guessed from the members of a body, whatever way the body comes in.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ModeTests {
    static let bodies: [(members: String, mode: String)] = [
        (#""n":1"#, "thinking"),
        (#""reasoning":"non_thinking""#, "non_thinking"),
        (#""reasoning":"thinking""#, "thinking"),
        (#""enable_thinking":false"#, "non_thinking"),
        (#""enable_thinking":true"#, "thinking"),
        (#""chat_template_kwargs":{"enable_thinking":false}"#, "non_thinking"),
        (#""chat_template_kwargs":{"enable_thinking":true}"#, "thinking"),
        (#""chat_template_kwargs":{"x":1},"reasoning":"non_thinking""#, "non_thinking"),
        (#""chat_template_kwargs":{"enable_thinking":null},"enable_thinking":null,"reasoning":"non_thinking""#, "non_thinking"),
        (#""chat_template_kwargs":5,"reasoning_effort":"none""#, "non_thinking"),
        (#""reasoning":null,"reasoning_effort":"none""#, "non_thinking"),
        (#""reasoning_effort":"high""#, "thinking"),
        (#""reasoning":["x"]"#, "thinking"),
        // PostgreSQL cannot read a body with such an escape, so that nothing is known.
        (#""reasoning":"non_thinking","x":"\u0000""#, "thinking"),
    ]

    static let all = bodies.map { #"{"messages":[{"role":"user","content":"x"}],\#($0.members)}"# }

    private func modes(_ queue: Queue) async throws -> [String] {
        try await queue.database.query("SELECT mode::text AS mode FROM moed.job ORDER BY id").map { try $0.value("mode") }
    }

    @Test func ofSingleRequests() async throws {
        let queue = try await Queue()
        for body in Self.all {
            _ = try await queue.database.query("SELECT moed.enqueue(params => \(body)::json)")
        }
        #expect(try await modes(queue) == Self.bodies.map(\.mode))
        await queue.close()
    }

    /// A body with an escape is read by other functions.
    @Test(arguments: ["", #","y":"\u00e4""#]) func ofManyRequests(more: String) async throws {
        let queue = try await Queue()
        let bodies = Self.all.map { String($0.dropLast()) + more + "}" }
        _ = try await queue.database.query("SELECT moed.enqueue_many(\(SQLArray(bodies))::json[])")
        #expect(try await modes(queue) == Self.bodies.map(\.mode))
        await queue.close()
    }

    /// The mode that a file is imported with holds for lines that name none.
    @Test(arguments: [nil, "non_thinking"]) func ofTheLinesOfABatch(reasoning: String?) async throws {
        let queue = try await Queue()
        let readable = zip(Self.all, Self.bodies).filter { !$0.0.contains("u0000") }
        let lines = readable.enumerated().map { index, line in
            #"{"custom_id":"\#(index)","method":"POST","url":"/v1/chat/completions","body":\#(line.0)}"#
        }
        _ = try await queue.database.query(
            "SELECT moed.import_batch('b', \(lines.joined(separator: "\n")), reasoning => \(reasoning))")
        var expected = readable.map(\.1.mode)
        if let reasoning { expected[0] = reasoning }
        #expect(try await modes(queue) == expected)
        await queue.close()
    }
}
