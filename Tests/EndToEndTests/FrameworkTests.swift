import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// Programs that people put before OpenAI's API, and one that attacks it with its own document.
@Suite(
    .serialized, .enabled(if: Scene.obstacle == nil, Comment(rawValue: Scene.obstacle ?? "")),
    .enabled(if: GatewayScene.frameworks != nil, Comment(rawValue: GatewayScene.missingFrameworks)))
struct FrameworkTests {
    /// A gateway with a worker that is alive.
    private func scene() async throws -> (GatewayScene, MoedDaemonProcess) {
        let gateway = try await GatewayScene()
        let worker = try gateway.scene.start()
        #expect(try await eventually { try await gateway.scene.database.value("SELECT count(*) AS value FROM moed.worker") == 1 })
        return (gateway, worker)
    }

    private func end(_ gateway: GatewayScene, _ worker: MoedDaemonProcess) async throws {
        worker.signal(SIGTERM)
        #expect(try await worker.exitCode() == 0)
        #expect(try await gateway.scene.accountingFaults() == [])
        try await gateway.close()
    }

    @Test func liteLLMIsAClient() async throws {
        let (gateway, worker) = try await scene()
        let folder = try TemporaryFolder()
        let lines = (0..<4).map { number in
            #"{"custom_id":"r\#(number)","method":"POST","url":"/v1/chat/completions","body":{"model":"default","#
                + #""max_tokens":40,"messages":[{"role":"user","content":"What is \#(number) + 5?"}]}}"# + "\n"
        }
        try lines.joined().write(toFile: folder.path("in.jsonl"), atomically: true, encoding: .utf8)
        let seen = try await gateway.client(
            "litellm_client.py", [folder.path("in.jsonl")], python: GatewayScene.frameworks)
        #expect(seen["content"] == "27 + 58 = 85." && seen["streamed"] == seen["content"])
        #expect(seen["usage"] == seen["streamedUsage"] && seen["unknown"] == 404)
        #expect(seen["tool"] == [["sum", ["a"]]] && seen["structured"] == ["n"])
        #expect(seen["status"] == "completed" && seen["counts"] == [4, 4, 0] && seen["listed"] == true)
        #expect(seen["answers"] == ["r0", "r1", "r2", "r3"])
        try await end(gateway, worker)
    }

    @Test func langChainIsAClient() async throws {
        let (gateway, worker) = try await scene()
        let seen = try await gateway.client("langchain_chat.py", python: GatewayScene.frameworks)
        #expect(seen["content"] == "27 + 58 = 85." && seen["streamed"] == seen["content"])
        #expect(seen["usage"] == seen["streamedUsage"] && seen["reason"] == "stop" && seen["unknown"] == 404)
        #expect(seen["batch"] == [true, true, true] && seen["system"] == true)
        #expect(seen["tool"] == [["Sum", ["a", "b"]]] && seen["structured"] == "Sum" && seen["function"] == "Sum")
        try await end(gateway, worker)
    }

    /// Requests made from the document: right ones are taken, wrong ones refused, and answers have the documented form.
    ///
    /// Bodies of direct requests have more rules than the document: there only wrong ones are judged.
    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["MOED_API_DOCUMENT"] == "1",
            "schemathesis takes ten minutes: MOED_API_DOCUMENT=1 runs it"),
        arguments: [
            ["--phases", "coverage,fuzzing,stateful", "--exclude-path-regex", direct],
            ["--phases", "coverage", "--include-path-regex", direct, "--exclude-checks", "positive_data_acceptance"],
        ])
    func theDocumentIsTrue(options: [String]) async throws {
        let (gateway, worker) = try await scene()
        let python = try #require(GatewayScene.frameworks)
        let tool = python.deletingLastPathComponent().appending(path: "schemathesis")
        let document = gateway.baseURL.replacing("/v1", with: "/openapi.json")
        let result = try await Command.run(
            tool,
            [
                "run", document, "-H", "Authorization: Bearer \(gateway.key)", "--max-examples", "10",
                "--generation-deterministic", "--suppress-health-check", "all", "--request-timeout", "600",
            ] + options)
        #expect(result.status == 0, "\(result.output.suffix(8000))")
        try await end(gateway, worker)
    }

    private static let direct = "^/v1/(chat/completions|completions|responses|embeddings)$"
}
