import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// A5 and A6: one tenant's huge requests under a memory budget. With `MOED_BIG_REQUESTS` set the requests have the sizes
/// of the issue, and times are printed.
@Suite(.serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct BigRequestTests {
    private static let isFull = ProcessInfo.processInfo.environment["MOED_BIG_REQUESTS"] != nil
    private static let budget = 512 << 20

    /// Peak of the resident memory of a process, in bytes.
    private func peak(of process: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.filter(\.isNumber))) << 10
    }

    private struct Daemon {
        let scene: Scene
        let process: MoedDaemonProcess
        let folder: TemporaryFolder
    }

    /// A daemon under the budget. A context of 65536 tokens lets bodies of 4 MiB through.
    private func daemon(context: Int = 4096) async throws -> Daemon {
        let folder = try TemporaryFolder()
        let source = Fixtures.sampleModel
        for name in try FileManager.default.contentsOfDirectory(atPath: source.path) where name != "config.json" {
            try FileManager.default.createSymbolicLink(
                atPath: folder.path(name), withDestinationPath: source.appending(path: name).path)
        }
        let configuration = try String(contentsOf: source.appending(path: "config.json"), encoding: .utf8)
        try configuration.replacing(": 4096", with: ": \(context)")
            .write(toFile: folder.path("config.json"), atomically: true, encoding: .utf8)
        let scene = try await Scene()
        let process = try MoedDaemonProcess(
            scene.arguments(
                [
                    "memory.budget": "\(Self.budget)", "engine.kv_tokens": "\(max(context, 16384))",
                    "engine.slots": "32", "status.listen": folder.path("s"),
                ], model: folder.path(".")))
        #expect(
            try await eventually { try await HTTPGet.get("/healthz", socket: folder.path("s"))?.body == "ok\n" },
            "\(process.logText)")
        return Daemon(scene: scene, process: process, folder: folder)
    }

    private func end(_ daemon: Daemon) async throws {
        let peak = try peak(of: daemon.process.processID)
        print("big requests: peak \(peak >> 20) MiB of \(Self.budget >> 20) MiB")
        #expect(peak <= Self.budget + Self.budget / 10)
        daemon.process.signal(SIGTERM)
        #expect(try await daemon.process.exitCode() == 0)
        #expect(try await daemon.scene.accountingFaults() == [])
    }

    @Test func requestsOfManyMegabytesStayInTheBudget() async throws {
        let daemon = try await daemon()
        let (count, bytes) = Self.isFull ? (24, 60_000_000) : (6, 12_000_000)
        try await daemon.scene.database.run(
            script: "SELECT moed.enqueue(prompt => repeat('a', \(bytes)), tenant => 'big') FROM generate_series(1, \(count))")
        let start = ContinuousClock().now
        try await daemon.scene.database.run(
            script: """
                SELECT moed.enqueue(prompt => 'What is ' || i || ' + 17?', max_tokens => 4, tenant => 'small')
                  FROM generate_series(1, 4) AS i
                """)
        #expect(try await eventually { try await daemon.scene.count("tenant = 'small' AND state = 'succeeded'") == 4 })
        if Self.isFull { print("big requests: small jobs done after \(start.duration(to: ContinuousClock().now))") }
        #expect(
            try await eventually {
                try await daemon.scene.count("state = 'failed' AND error_code = 'prompt_too_large'") == Int64(count)
            })
        try await end(daemon)
    }

    /// Bodies just below the limit, each of another shape: one word, marks, thoughts, values, messages, keys.
    @Test func requestsOfEveryShapeStayInTheBudget() async throws {
        let daemon = try await daemon(context: Self.isFull ? 65536 : 16384)
        let bytes = Self.isFull ? 4_100_000 : 1_000_000
        func content(_ part: String) -> String {
            """
            SELECT moed.enqueue(prompt => repeat('\(part)', \(bytes) / octet_length('\(part)')), tenant => 'big',
              max_tokens => 4)
            """
        }
        func body(_ start: String, _ part: String, _ end: String) -> String {
            """
            SELECT moed.enqueue(params => ('\(start)' || repeat('\(part)', \(bytes) / octet_length('\(part)')) || '\(end)')::json,
              tenant => 'big', max_tokens => 4)
            """
        }
        let hi = #""messages":[{"role":"user","content":"Hi"}]"#
        var statements = ["a", "ab ", "\u{301}\u{316}", "\u{1F82}", "<|im_end|>", "</think>", "/think ", "/no_think", "<"]
            .map(content)
        statements += [
            body("{\(hi),\"stop_token_ids\":[0", ",0", "]}"),
            body(#"{"messages":[{"role":"user","content":"Hi"}"#, #",{"role":"user","content":""}"#, "]}"),
            body(#"{"messages":[{"role":"user","content":["Hi""#, #",{"type":"text","text":""}"#, "]}]}"),
            body("{\(hi),\"chat_template_kwargs\":{\"x\":[[]", ",[]", "]}}"),
            body("{\(hi),\"metadata\":{\"x\":{}", #","x":{}"#, "}}"),
            body(#"{"prompt_ids":[5"#, ",5", "]}"),
        ]
        for statement in statements { try await daemon.scene.database.run(script: statement) }
        #expect(
            try await eventually { try await daemon.scene.count("state IN ('queued', 'running', 'scheduled')") == 0 })
        #expect(try await daemon.scene.count("state = 'failed'") == Int64(statements.count))
        let codes: [String] = try await daemon.scene.database.query(
            "SELECT DISTINCT error_code AS code FROM moed.jobs ORDER BY 1"
        ).map { try $0.value("code") }
        #expect(codes == ["context_length_exceeded", "prompt_too_large"])
        try await end(daemon)
    }

    /// SIGTERM comes while prompts of megabytes are prepared.
    @Test func aStopDoesNotWaitForRequests() async throws {
        let daemon = try await daemon(context: 65536)
        try await daemon.scene.database.run(
            script: """
                SELECT moed.enqueue(prompt => repeat('/think ', 590000), tenant => 'big') FROM generate_series(1, 24)
                """)
        #expect(try await eventually { try await daemon.scene.count("state IN ('running', 'failed')") > 0 })
        try await end(daemon)
        #expect(try await daemon.scene.count("state IN ('queued', 'failed')") == 24)
    }
}
