import Foundation
import MoedCore
import TestSupport
import Testing

/// The commands as people and scripts use them.
@Suite(.enabled(if: MoedProgram.binary != nil, Comment(rawValue: MoedProgram.missing)))
struct CommandTests {
    let model = Fixtures.sampleModel.path

    func lines(_ arguments: [String], _ input: String) async throws -> [JSONValue] {
        let result = try await MoedProgram.run(arguments, input: input)
        #expect(result.status == 0, "\(result.errors)")
        return try result.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    @Test func tokenizeAndBack() async throws {
        let input =
            #"{"text": "What is 27 + 58?<|im_end|>"}"# + "\n\n" + #"{"text": ""}"# + "\r\n" + #"{"txt": 1}"#
            + "\nnonsense"
        let answers = try await lines(["tokenize", "--model", model], input)
        #expect(answers.count == 4)
        #expect(answers[0]["ids"]?.array?.last?.integer == 637)
        #expect(answers[1] == ["ids": []])
        #expect(answers[2]["error"]?["param"]?.string == "text")
        #expect(answers[3]["error"]?["code"]?.string == "invalid_json")
        let back = try await lines(["detokenize", "--model", model], answers[0].serialized())
        #expect(back == [["text": "What is 27 + 58?<|im_end|>"]])
    }

    @Test func templateRendersOrSaysWhyNot() async throws {
        let answers = try await lines(
            ["template", "--model", model],
            #"{"messages": [{"role": "user", "content": "Hi"}], "kwargs": {"add_generation_prompt": true}}"#
                + "\n"
                + #"{"messages": []}"#)
        #expect(answers[0]["text"]?.string == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
        #expect(answers[1]["error"]?["message"]?.string?.contains("chat_template: line ") == true)
    }

    /// A tokenizer or a template alone, without configuration and weights.
    @Test func textCommandsReadOnlyTheirOwnFiles() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "moed-text-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (file, commands) in [
            ("tokenizer.json", [("tokenize", #"{"text": "Hi"}"#), ("detokenize", #"{"ids": [1]}"#)]),
            ("tokenizer_config.json", [("template", #"{"messages": [{"role": "user", "content": "Hi"}]}"#)]),
        ] {
            let alone = folder.appending(path: file + "-alone")
            try FileManager.default.createDirectory(at: alone, withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                at: Fixtures.sampleModel.appending(path: file), to: alone.appending(path: file))
            for (command, input) in commands {
                #expect(
                    try await lines([command, "--model", alone.path], input)
                        == (try await lines([command, "--model", model], input)))
            }
        }
    }

    @Test func scoreIsALogProbability() async throws {
        let answers = try await lines(
            ["score", "--model", model, "--top", "640"], #"{"ids": [636, 275, 198, 432]}"#)
        let score = try #require(answers.first)
        #expect(score["logprobs"]?.array?.count == 3)
        #expect(score["top_ids"]?.array?.count == 4)
        for logprobs in score["top_logprobs"]?.array ?? [] {
            let values = (logprobs.array ?? []).compactMap(\.number)
            #expect(values == values.sorted(by: >))
            #expect(abs(values.reduce(0) { $0 + exp($1) } - 1) < 1e-5)
        }
    }

    @Test func generateIsOpenAIShapedAndIndependentOfTheBatch() async throws {
        let prompts = try SamplePrompt.load(8)
        let input =
            prompts.map { prompt in
                JSONValue.object(
                    JSONObject([
                        ("messages", [["role": "user", "content": .string(prompt.question)]]), ("seed", 3),
                        ("max_tokens", 100),
                    ])
                ).serialized()
            } + [
                #"{"messages": []}"#,
                #"{"prompt_ids": [636, 275, 198], "max_tokens": 3, "temperature": 0, "stream": true}"#,
            ]
        let arguments = ["generate", "--model", model, "--ids"]
        let batch = try await lines(arguments + ["--max-batch", "32"], input.joined(separator: "\n"))
        let alone = try await lines(
            arguments + ["--max-batch", "1", "--prefill-chunk", "3"], input.joined(separator: "\n"))
        #expect(batch == alone)
        #expect(batch.count == input.count)
        for answer in batch.prefix(prompts.count) {
            let usage = try #require(answer["usage"])
            #expect(answer["object"] == "chat.completion")
            let choice = try #require(answer["choices"]?.array?.first)
            #expect(choice["output_ids"]?.array?.count == usage["completion_tokens"]?.integer)
            #expect(usage["completion_tokens_details"]?["reasoning_tokens"]?.integer ?? 0 > 0)
            #expect(choice["message"]?["reasoning"]?.string?.isEmpty == false)
        }
        #expect(batch[8]["error"]?["param"]?.string == "messages")
        #expect(batch[9]["error"]?["param"]?.string == "stream")
    }

    @Test func sharedBeginningsShowInCachedTokensOnly() async throws {
        let system = String(repeating: "You answer questions about words. ", count: 12)
        let input = try SamplePrompt.load(6).map { prompt in
            JSONValue.object(
                JSONObject([
                    (
                        "messages",
                        [
                            ["role": "system", "content": .string(system)],
                            ["role": "user", "content": .string(prompt.question)],
                        ]
                    ), ("max_tokens", 20),
                ])
            ).serialized()
        }.joined(separator: "\n")
        let arguments = ["generate", "--model", model, "--ids"]
        let alone = try await lines(arguments + ["--max-batch", "1"], input)
        #expect(try await lines(arguments + ["--max-batch", "6"], input) == alone)
        let shared = try await lines(arguments + ["--prefix-cache"], input)
        #expect(shared.map { $0["choices"] } == alone.map { $0["choices"] })
        func cached(_ answers: [JSONValue]) -> Int {
            answers.reduce(0) { $0 + ($1["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.integer ?? 0) }
        }
        #expect(cached(alone) == 0 && cached(shared) > 0)
    }

    @Test func inspectNamesTheArchitecture() async throws {
        let result = try await MoedProgram.run(["inspect", model])
        #expect(result.status == 0)
        for word in ["Qwen3MoeForCausalLM", "16", "hybrid", "640"] { #expect(result.output.contains(word)) }
    }

    /// `check`, `run` and `inspect` refuse a model with the same words.
    @Test func modelsAreRefusedAlike() async throws {
        let folder = try TemporaryFolder()
        for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
            try folder.copy("\(model)/\(name)", to: name)
        }
        let configuration = String(decoding: try folder.bytes("config.json"), as: UTF8.self)
        let changed = configuration.replacingOccurrences(of: "\"vocab_size\": 640", with: "\"vocab_size\": 641")
        #expect(changed != configuration)
        try folder.write("config.json", Array(changed.utf8))
        let words = "model.embed_tokens.weight has shape [640, 128]"
        let checked = try await MoedProgram.run(
            ["check", "--model", folder.path, "--database", "host=/nonexistent"])
        #expect(checked.status == 78 && checked.errors.contains("model.path: ") && checked.errors.contains(words))
        let inspected = try await MoedProgram.run(["inspect", folder.path])
        #expect(inspected.status == 78 && inspected.errors.contains(words))
    }

    @Test(arguments: [
        (["--set", "queue.lees=1s"], "unknown key queue.lees"),
        (["--set", "engine.slots=many"], "engine.slots must be"),
        (["--model", "/nowhere"], "model.path: /nowhere"), (["--database", "host=/nowhere"], "database.url"),
        (["--config", "/nowhere.yaml"], "/nowhere.yaml"),
    ])
    func checkNamesEachProblemAndExits78(_ extra: [String], _ expected: String) async throws {
        var arguments = ["check"] + extra
        if !extra.contains("--model") { arguments += ["--model", model] }
        if !extra.contains("--database") { arguments += ["--database", "host=/nonexistent"] }
        let result = try await MoedProgram.run(arguments)
        #expect(result.status == 78)
        #expect(result.errors.contains(expected), "\(result.errors)")
    }

    /// Blank lines count: the number is that of the file.
    @Test func badLinesAreNamedByNumber() async throws {
        let good = #"{"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}"#
        let input = [good, "", "nonsense", good, #"{"messages": []}"#].joined(separator: "\n")
        let answers = try await lines(["generate", "--model", model], input)
        #expect(answers.count == 4)
        #expect(answers[1]["error"]?["line"] == 3 && answers[3]["error"]?["line"] == 5)
        #expect(answers[1]["error"]?["message"]?.string?.hasPrefix("line 3: ") == true)
        #expect(answers[0]["error"] == nil && answers[2]["error"] == nil)
        let ids = try await lines(["tokenize", "--model", model], "\n{}")
        #expect(ids[0]["error"]?["line"] == 2)
    }

    @Test func helpTeaches() async throws {
        let help = try await MoedProgram.run(["run", "--help"])
        #expect(help.status == 0)
        for word in ["queue.max_wait", "MOED_QUEUE_LEASE", "--drain", "SIGTERM"] {
            #expect(help.output.contains(word))
        }
        #expect(try await MoedProgram.run(["--help"]).output.contains("moed.enqueue"))
    }

    @Test(arguments: [
        "run", "migrate", "check", "settings", "inspect", "pack", "generate", "score", "bench", "plan",
        "replay",
        "chaos", "tokenize", "detokenize", "template",
    ])
    func everyHelpHasAnExample(_ command: String) async throws {
        let help = try await MoedProgram.run([command, "--help"], environment: ["COLUMNS": "200"]).output
        let overview = try #require(help.components(separatedBy: "USAGE:").first)
        #expect(overview.contains("Example"))
        #expect(overview.contains("moed \(command) "), "\(overview)")
    }

    @Test func settingsPrintsTheFilesOfTheProject() async throws {
        for (flag, file) in [
            ("--markdown", "docs/configuration.md"), ("--yaml", "systemd/moed.yaml.example"),
        ] {
            let printed = try await MoedProgram.run(["settings", flag])
            let text = try String(contentsOf: Fixtures.packageRoot.appending(path: file), encoding: .utf8)
            #expect(printed.status == 0 && printed.output == text, "moed settings \(flag) >\(file)")
        }
        #expect(try await MoedProgram.run(["settings"]).output.contains("[MOED_QUEUE_LEASE]"))
        #expect(try await MoedProgram.run(["settings", "--markdown", "--yaml"]).status != 0)
    }
}
