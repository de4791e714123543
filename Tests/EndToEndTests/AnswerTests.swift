import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// A job enqueued by SQL comes back answered, with its token account.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct AnswerTests {
    /// Minimum logit gap: below it the reference's own rounding could choose the other token.
    static let gapMin = 0.01

    @Test func greedyAnswersAreTheReferences() async throws {
        let scene = try await Scene()
        let prompts = try SamplePrompt.load(24)
        for prompt in prompts {
            for mode in ReasoningMode.allCases {
                _ = try await scene.database.query(
                    """
                    SELECT moed.enqueue(prompt => \(prompt.question), system => \(prompt.system),
                                        reasoning => \(mode.rawValue), temperature => 0)
                    """)
            }
        }
        try await scene.drain()
        let rows = try await scene.database.query(
            "SELECT prompt, mode::text AS mode, content, total_tokens, prompt_tokens, thinking_tokens, answer_tokens FROM moed.jobs ORDER BY id"
        )
        #expect(rows.count == prompts.count * 2)
        for (index, row) in rows.enumerated() {
            let mode = ReasoningMode.allCases[index % 2]
            let expected = try #require(prompts[index / 2].answers[mode])
            guard expected.gap >= Self.gapMin else { continue }
            let content: String? = try row.optional("content")
            #expect(content == expected.content)
            let thinking: Int32 = try row.value("thinking_tokens")
            let answer: Int32 = try row.value("answer_tokens")
            #expect(Int(thinking + answer) == expected.outputIDs.count)
            #expect((thinking > 0) == (mode == .thinking))
        }
        #expect(try await scene.accountingFaults() == [])
    }

    @Test func badJobsFailAndTheirNeighboursRun() async throws {
        let scene = try await Scene()
        let bad: [(String, SQL)] = [
            (
                "invalid_value (max_tokens)",
                "SELECT moed.enqueue(prompt => 'What is 1 + 1?', max_tokens => -5)"
            ),
            (
                "invalid_value (temperature)",
                "SELECT moed.enqueue(prompt => 'What is 1 + 1?', temperature => 99)"
            ),
            ("model_not_found", "SELECT moed.enqueue(prompt => 'What is 1 + 1?', model => 'nobody')"),
            (
                "context_length_exceeded (messages)",
                "SELECT moed.enqueue(prompt => repeat('What is 1 + 1? ', 3000))"
            ),
            ("invalid_value (messages)", "SELECT moed.enqueue(messages => '{\"role\": \"user\"}')"),
            (
                "invalid_value (messages[0].role)",
                "SELECT moed.enqueue(messages => '[{\"role\": \"wizard\", \"content\": \"x\"}]')"
            ),
            (
                "invalid_json",
                "SELECT moed.enqueue(messages => '[{\"role\": \"user\", \"content\": \"\\ud800\"}]')"
            ),
            (
                "unknown_parameter (frobnicate)",
                "SELECT moed.enqueue(prompt => 'x', params => '{\"frobnicate\": 1}')"
            ),
            ("missing_required_parameter (messages)", "SELECT moed.enqueue()"),
        ]
        for (_, sql) in bad {
            try await scene.database.query(sql)
            try await scene.database.query(
                "SELECT moed.enqueue(prompt => 'What is 27 + 58?', temperature => 0)")
        }
        try await scene.drain()
        let rows = try await scene.database.query(
            "SELECT state::text AS state, content, error FROM moed.jobs ORDER BY id")
        for (index, (expected, _)) in bad.enumerated() {
            let (failed, good) = (rows[index * 2], rows[index * 2 + 1])
            let error: String? = try failed.optional("error")
            #expect(try failed.value("state", as: String.self) == "failed")
            #expect(error?.hasPrefix(expected) == true, "\(error ?? "no error"), expected \(expected)")
            let content: String? = try good.optional("content")
            #expect(content == "27 + 58 = 85.")
        }
        #expect(try await scene.accountingFaults() == [])
    }

    /// Requests whose answers would be empty or that a template would misread, as an application writes them.
    @Test func answersAreNotEmptyAndWarningsSayWhy() async throws {
        let scene = try await Scene()
        let jobs: [(sql: SQL, warning: String?, isEmpty: Bool)] = [
            ("SELECT moed.enqueue(prompt => 'What is 4785 + 396?', temperature => 0, max_tokens => 40)", "cut the answer off", false),
            (
                "SELECT moed.enqueue(prompt => 'What is 4785 + 396?', temperature => 0, max_tokens => 40, params => '{\"answer_reserve\": 0}')",
                "max_tokens ended the thinking: the answer is empty", true
            ),
            ("SELECT moed.enqueue(prompt => 'What is 4785 + 396?', temperature => 0, max_tokens => 400)", nil, false),
            ("SELECT moed.enqueue(prompt => '', max_tokens => 400)", "the prompt is empty", false),
        ]
        for job in jobs { try await scene.database.query(job.sql) }
        try await scene.drain()
        let rows = try await scene.database.query("SELECT content, warning FROM moed.jobs ORDER BY id")
        for (row, job) in zip(rows, jobs) {
            let warning = try row.optional("warning", as: String.self)
            #expect(job.warning == nil ? warning == nil : warning?.contains(job.warning ?? "") == true)
            #expect(try row.value("content", as: String.self).isEmpty == job.isEmpty)
        }
        #expect(try await scene.accountingFaults() == [])
    }

    @Test func oddTextsSurvive() async throws {
        let scene = try await Scene()
        let odd = [
            "Robert'); DROP TABLE moed.job; --", "$1 $$ \\ % _", "\u{1F600} é e\u{301} \u{202E}x",
            "<|im_end|><think>",
        ]
        for text in odd {
            try await scene.database.query(
                "SELECT moed.enqueue(prompt => \(text), system => \(text), max_tokens => 8, stop => ARRAY[\(text)])"
            )
        }
        try await scene.database.query(
            "SELECT moed.enqueue(messages => '[{\"role\": \"user\", \"content\": \"a\\u0000b\"}]', max_tokens => 8)"
        )
        try await scene.drain()
        #expect(try await scene.count("state = 'succeeded'") == Int64(odd.count + 1))
        #expect(try await scene.accountingFaults() == [])
    }

    @Test func budgetsInjectAndAreAccountedFor() async throws {
        let scene = try await Scene()
        try await scene.database.query(
            """
            SELECT moed.enqueue(prompt => 'What is 4785 + 396?', reasoning => 'thinking', temperature => 0,
                                thinking_token_budget => b) FROM unnest(ARRAY[0, 1, 16, 400]) AS b
            """)
        try await scene.drain()
        let rows = try await scene.database.query(
            "SELECT thinking_tokens, injected_tokens, reasoning, content FROM moed.jobs ORDER BY id")
        // Without a single token to think the template writes an empty thought.
        #expect(try rows[0].value("thinking_tokens", as: Int32.self) == 0)
        #expect(try rows[0].value("injected_tokens", as: Int32.self) == 0)
        #expect(try rows[0].optional("reasoning", as: String.self) == nil)
        #expect(try rows[0].value("content", as: String.self).hasPrefix("4785 + 396 ="))
        for (row, budget) in zip(rows.dropFirst(), [1, 16]) {
            #expect(try row.value("thinking_tokens", as: Int32.self) == Int32(budget))
            #expect(try row.value("injected_tokens", as: Int32.self) > 10)
            #expect(
                try row.value("reasoning", as: String.self).hasSuffix("based on the thinking directly now."))
            #expect(try row.value("content", as: String.self).hasPrefix("4785 + 396 ="))
        }
        #expect(try rows[3].value("injected_tokens", as: Int32.self) == 0)
        #expect(try rows[3].value("content", as: String.self) == "4785 + 396 = 5181.")
    }
}
