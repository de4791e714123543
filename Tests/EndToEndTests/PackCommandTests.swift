import Foundation
import MoedCore
import TestSupport
import Testing

/// `moed pack`, and the commands that read packs, run as by users.
@Suite(.enabled(if: MoedProgram.binary != nil, Comment(rawValue: MoedProgram.missing)))
struct PackCommandTests {
    private let folder: TemporaryFolder
    private let model = Fixtures.sampleModel.path
    private let int4 = ["--experts", "int4", "--dense", "int8"]
    private let question =
        #"{"messages": [{"role": "user", "content": "What is 27 + 58?"}], "seed": 1, "max_tokens": 60}"#

    init() throws { folder = try TemporaryFolder() }

    private func answer(_ arguments: [String]) async throws -> JSONValue {
        let result = try await MoedProgram.run(["generate"] + arguments, input: question)
        #expect(result.status == 0, "\(result.errors)")
        return try #require(try JSONValue(parsing: result.output)["choices"])
    }

    @Test(arguments: [
        ["--experts", "bf16", "--dense", "bf16"], ["--experts", "int4", "--dense", "int8"],
        ["--experts", "int4", "--dense", "int4/32"],
    ])
    func packsAnswerLikeTheirCheckpoint(_ formats: [String]) async throws {
        try folder.write("text", Array("27 + 58".utf8))
        let packed = try await MoedProgram.run(
            ["pack", model, folder.path("pack"), "--report-text", folder.path("text")] + formats)
        #expect(packed.status == 0 && packed.output.contains("mlp.experts.gate_proj"), "\(packed.errors)")
        #expect(
            try await answer(["--model", folder.path("pack")])
                == (try await answer(["--model", model] + formats)))
        let inspected = try await MoedProgram.run(["inspect", folder.path("pack"), "--verify"])
        #expect(inspected.status == 0)
        for word in ["verified", "experts.bin", "experts \(formats[1])"] {
            #expect(inspected.output.contains(word), "\(inspected.output)")
        }
        // Other formats than the pack's cannot be had from it.
        let other = try await MoedProgram.run(
            ["score", "--model", folder.path("pack"), "--experts", "int8"], input: "")
        #expect(other.status != 0 && other.errors.contains("the pack's experts"))
    }

    /// A format that is not named is the help's default.
    @Test func oneFormatIsEnough() async throws {
        let result = try await MoedProgram.run(["pack", model, folder.path("pack"), "--experts", "int8"])
        #expect(result.status == 0, "\(result.errors)")
        let inspected = try await MoedProgram.run(["inspect", folder.path("pack")])
        #expect(inspected.output.contains("int8") && inspected.output.contains("bf16"), "\(inspected.output)")
    }

    /// The process itself takes most of the budget: the smallest and the full budget differ by the experts' 2.7 MB.
    @Test func budgetsChangeNothingButTheMemory() async throws {
        #expect(try await MoedProgram.run(["pack", model, folder.path("pack")] + int4).status == 0)
        let arguments = ["--model", folder.path("pack"), "--kv-tokens", "512", "--memory-budget"]
        let least = try SamplePack.leastBudget(
            try await MoedProgram.run(["generate"] + arguments + ["1MB"], input: question))
        let streamed = try await answer(arguments + [SamplePack.tight(least)])
        #expect(streamed == (try await answer(arguments + ["\(least + (1 << 30))"])))
    }

    @Test func refusals() async throws {
        #expect(try await MoedProgram.run(["pack", model, folder.path("pack")] + int4).status == 0)
        for (arguments, expected) in [
            (["pack", model, folder.path("pack")] + int4, "exists already"),
            (["pack", folder.path("pack"), folder.path("again")] + int4, "a pack already"),
            (["pack", "/nowhere", folder.path("again")] + int4, "/nowhere"),
            (["pack", model, "/nowhere/pack"] + int4, "/nowhere/pack"),
            (
                ["pack", model, folder.path("again"), "--experts", "int5", "--dense", "int8"],
                "--experts must be one of"
            ),
            (["inspect", model, "--verify"], "no pack"),
        ] {
            let result = try await MoedProgram.run(arguments)
            #expect(result.status != 0 && result.errors.contains(expected), "\(arguments): \(result.errors)")
        }
        try folder.flip("pack/experts.bin", at: 70_000)
        let damaged = try await MoedProgram.run(["inspect", folder.path("pack"), "--verify"])
        #expect(
            damaged.status == 1 && damaged.errors.contains("experts.bin: blob model.layers.0.mlp.experts."))
        let refused = try await MoedProgram.run(
            ["generate", "--model", folder.path("pack")], input: question)
        #expect(refused.status == 1 && refused.errors.contains("model.layers.0.mlp.experts."), "\(refused)")
        #expect(refused.output.contains("engine_error"))
        try folder.flip("pack/manifest.json", at: 40)
        let check = try await MoedProgram.run([
            "check", "--model", folder.path("pack"), "--database", "host=/nonexistent",
        ])
        #expect(check.status == 78 && check.errors.contains("manifest.json"))
    }

    @Test func killedInTheMiddle() async throws {
        var killed = 0
        for _ in 0..<20 where killed < 3 {
            let process = try MoedDaemonProcess(
                ["pack", model, folder.path("pack"), "--threads", "1", "--report"] + int4)
            let partial = "pack.partial-\(process.processID)"
            let started = try await process.freeze(after: .milliseconds(2)) {
                FileManager.default.fileExists(atPath: self.folder.path("\(partial)/experts.bin"))
                    || !process.isRunning
            }
            #expect(started)
            process.signal(SIGKILL)
            let code = try #require(try await process.exitCode())
            guard code == -SIGKILL, try folder.names == [partial] else {
                // It was faster than the signal.
                for name in try folder.names { try folder.remove(name) }
                continue
            }
            let inspected = try await MoedProgram.run(["inspect", folder.path(partial), "--verify"])
            if inspected.status == 0 {
                // Killed between manifest and renaming: everything is there.
                try folder.remove(partial)
                continue
            }
            killed += 1
            // No command accepts the remains as a pack.
            #expect(inspected.status == 78 && inspected.errors.contains("manifest.json"), "\(inspected)")
        }
        #expect(killed > 0)
        #expect(try await MoedProgram.run(["pack", model, folder.path("pack")] + int4).status == 0)
        #expect(try folder.names == ["pack"])
        #expect(try await MoedProgram.run(["inspect", folder.path("pack"), "--verify"]).status == 0)
    }
}
