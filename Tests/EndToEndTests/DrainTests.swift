import Foundation
import TestSupport
import Testing

/// `run --drain && publish` is safe: the exit code and the last line tell what is left.
@Suite(.enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")))
struct DrainTests {
    private func drain(_ scene: Scene) async throws -> (status: Int32, summary: String) {
        let arguments = scene.arguments(drains: true).filter { $0 != "--no-progress" } + ["--progress"]
        let result = try await MoedProgram.run(arguments)
        return (
            result.status,
            result.errors.split(separator: "\n").last { $0.contains(" jobs in ") }.map(String.init) ?? ""
        )
    }

    @Test func theExitCodeAndTheLastLineTellWhatIsLeft() async throws {
        let scene = try await Scene()
        let enqueue = "SELECT moed.enqueue(prompt => 'What is 1 + 2?', max_tokens => 4"
        try await scene.database.run(
            script: "\(enqueue)); \(enqueue), model => 'elsewhere'); SELECT moed.register_model('elsewhere')")
        let done = try await drain(scene)
        #expect(done.status == 0)
        #expect(
            done.summary.hasPrefix("1 jobs in ") && done.summary.hasSuffix("; left: 1 for other models"),
            "\(done)")

        try await scene.database.run(
            script: """
                \(enqueue), tenant => 'a') FROM generate_series(1, 7); \(enqueue), run_at => now() + interval '1 day');
                SELECT moed.pause('tenant', 'a')
                """)
        let left = try await drain(scene)
        #expect(left.status == 3)
        #expect(left.summary.hasPrefix("0 jobs in "), "\(left)")
        #expect(left.summary.hasSuffix("; left: 7 paused, 1 scheduled, 1 for other models"), "\(left)")
        #expect(try await scene.accountingFaults() == [])
    }

    @Test(arguments: [(SIGINT, Int32(130)), (SIGTERM, Int32(143))])
    func anInterruptionHasItsOwnCode(signal: Int32, code: Int32) async throws {
        let scene = try await Scene()
        try await scene.database.run(
            script: """
                SELECT moed.enqueue(prompt => 'x', max_tokens => 1500, params => '{"ignore_eos": true}') FROM generate_series(1, 64)
                """)
        let daemon = try MoedDaemonProcess(scene.arguments(["shutdown.grace": "0s"], drains: true))
        #expect(try await eventually { try await scene.count("state = 'running'") > 0 })
        daemon.signal(signal)
        #expect(try await daemon.exitCode() == code)
        #expect(try await scene.count("state = 'running'") == 0)
    }
}
