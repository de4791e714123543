import Foundation
import MoedCore
import MoedPostgres
import TestSupport

/// A migrated database of its own and daemons that serve it with the sample model.
struct Scene {
    let database: TestDatabase

    static var obstacle: String? {
        if MoedProgram.binary == nil { return MoedProgram.missing }
        return PostgresServer.binaries == nil ? PostgresServer.missing : nil
    }

    init(on server: PostgresServer = .shared) async throws {
        database = try await TestDatabase.create(on: server)
        let result = try await MoedProgram.run(["migrate", "--database", database.conninfo])
        guard result.status == 0 else { throw TestFailure("moed migrate: \(result.errors)") }
    }

    /// Arguments of `moed run` for tests: short intervals, little logging. A lease ends when `bury` says so, not when
    /// the machine is slow.
    func arguments(
        _ settings: [String: String] = [:], model: String = Fixtures.sampleModel.path, drains: Bool = false
    ) -> [String] {
        var values = [
            "queue.poll_interval": "100ms", "queue.lease": "1h", "log.level": "notice",
            "shutdown.grace": "5s",
        ]
        values.merge(settings) { $1 }
        return [
            "run", "--database", database.conninfo, "--model", model, "--no-progress",
        ]
            + values.sorted { $0.key < $1.key }.flatMap { ["--set", "\($0.key)=\($0.value)"] }
            + (drains ? ["--drain"] : [])
    }

    func start(
        _ settings: [String: String] = [:], model: String = Fixtures.sampleModel.path
    ) throws -> MoedDaemonProcess {
        try MoedDaemonProcess(arguments(settings, model: model))
    }

    /// Runs a daemon until the queue is empty.
    func drain(_ settings: [String: String] = [:]) async throws {
        let result = try await MoedProgram.run(arguments(settings, drains: true))
        guard result.status == 0 else {
            throw TestFailure("moed run --drain ended with \(result.status): \(result.errors)")
        }
    }

    /// Kills a daemon, and expires its lease after the server has finished the daemon's last statements.
    ///
    /// - Returns: true when this killed the daemon; false when it had ended before.
    func bury(_ daemon: MoedDaemonProcess) async throws -> Bool {
        daemon.signal(SIGKILL)
        guard try await daemon.exitCode() == -SIGKILL else { return false }
        let isOver = try await eventually {
            try await database.value(
                """
                SELECT count(*) AS value FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name IN ('moed', 'moed listen')
                """) == 0
        }
        try await database.run(script: "UPDATE moed.worker SET expires_at = now() - interval '1 s'")
        return isOver
    }

    /// Number of jobs with a checkpoint.
    func checkpointed() async throws -> Int64 {
        try await database.value("SELECT count(DISTINCT job_id) AS value FROM moed.job_checkpoint") ?? 0
    }

    /// Jobs that were finished from where another attempt had left off.
    func resumed() async throws -> Int64 {
        try await database.value(
            "SELECT count(*) AS value FROM moed.token_ledger WHERE kind = 'final' AND recomputed_tokens > 0") ?? 0
    }

    /// Jobs for which a condition over the columns of `moed.jobs` holds.
    func count(_ condition: String) async throws -> Int64 {
        let rows = try await database.run(script: "SELECT count(*) AS jobs FROM moed.jobs WHERE \(condition)")
        return try rows[0].value("jobs")
    }

    /// Results of all jobs by id: id, finish reason, reasoning, content and token count.
    func texts() async throws -> [String] {
        try await database.query(
            "SELECT concat_ws('|', id, finish_reason, reasoning, content, total_tokens) AS text FROM moed.jobs ORDER BY id"
        ).map { try $0.value("text") }
    }

    /// Violations of contracts 1 and 4. The contracts must hold whenever no daemon runs.
    func accountingFaults() async throws -> [String] {
        try await database.query(
            """
            SELECT 'job ' || j.id || ': ' || coalesce(string_agg(l.kind, ','), 'no ledger row') AS fault
              FROM moed.job j LEFT JOIN moed.token_ledger l ON l.job_id = j.id AND l.kind = 'final'
             GROUP BY j.id, j.state HAVING (j.state = 'succeeded') <> (count(l.id) = 1)
            UNION ALL
            SELECT 'job ' || v.id || ': usage of the response differs from the ledger'
              FROM moed.jobs v WHERE v.state = 'succeeded'
               AND ((v.response -> 'usage' ->> 'total_tokens')::bigint <> v.total_tokens
                 OR v.total_tokens <> v.prompt_tokens + v.thinking_tokens + v.injected_tokens + v.answer_tokens
                 OR json_array_length(v.response -> 'choices') = 0)
            UNION ALL
            SELECT 'usage_daily and jobs differ' WHERE
              (SELECT coalesce(sum(total_tokens), 0) FROM moed.usage_daily) <>
              (SELECT coalesce(sum(total_tokens), 0) FROM moed.jobs WHERE state = 'succeeded')
            UNION ALL
            SELECT 'job ' || id || ' is left running' FROM moed.job WHERE state = 'running'
            """
        ).map { try $0.value("fault") }
    }

    /// Number of rows in the account of requests that satisfy a condition.
    func spent(_ condition: String) async throws -> Int64 {
        let rows = try await database.run(
            script: "SELECT count(*) AS requests FROM moed.endpoint_request WHERE \(condition)")
        return try rows[0].value("requests")
    }

    /// The account of requests against the ledger: no request without end or cost, and what jobs kept is in answers.
    func spendingFaults() async throws -> [String] {
        try await database.query(
            """
            SELECT 'request ' || request_id || ' has no end' AS fault FROM moed.endpoint_request WHERE ended_at IS NULL
            UNION ALL
            SELECT 'request ' || request_id || ' has no cost' FROM moed.endpoint_request WHERE cost IS NULL
            UNION ALL
            SELECT 'request ' || min(request_id) || ' was sent twice' FROM moed.endpoint_request
             GROUP BY request_id HAVING count(*) > 1
            UNION ALL
            SELECT 'job ' || l.job_id || ' has ' || l.thinking_tokens + l.answer_tokens || ' tokens, its requests ' || k.kept
              FROM moed.token_ledger l JOIN (
                SELECT r.job_id, sum(r.kept_tokens) AS kept, bool_or(r.source = 'estimated') AS estimated
                  FROM moed.endpoint_request r GROUP BY r.job_id) k ON k.job_id = l.job_id
             WHERE l.kind = 'final' AND NOT k.estimated AND k.kept <> l.thinking_tokens + l.answer_tokens
            """
        ).map { try $0.value("fault") }
    }
}

/// The sample model's held-out prompts with the reference implementation's greedy output.
struct SamplePrompt {
    var question: String
    var system: String?
    /// By mode: output text without tags, and the smallest gap between best and second-best logit.
    var answers: [ReasoningMode: (content: String, outputIDs: [TokenID], gap: Double)] = [:]

    static func load(_ count: Int) throws -> [SamplePrompt] {
        let text = try String(
            contentsOf: Fixtures.sampleModel.appending(path: "prompts.jsonl"), encoding: .utf8)
        return try text.split(separator: "\n").prefix(count).map { line in
            let value = try JSONValue(parsing: String(line))
            var prompt = SamplePrompt(
                question: value["question"]?.string ?? "", system: value["system"]?.string)
            for (mode, name) in [(ReasoningMode.thinking, "thinking"), (.nonThinking, "direct")] {
                let full = (value[name]?["text"]?.string ?? "").replacing("<|im_end|>", with: "")
                let answer = full.components(separatedBy: "</think>").last ?? ""
                prompt.answers[mode] = (
                    answer.trimmingCharacters(in: .newlines),
                    (value[name]?["output_ids"]?.array ?? []).compactMap { $0.integer.map(TokenID.init) },
                    value[name]?["min_logit_gap"]?.number ?? 0
                )
            }
            return prompt
        }
    }
}
