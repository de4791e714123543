import MoedCore
import TestSupport
import Testing

@testable import MoedWeights

/// Headers and metadata of GGUF files, whole and damaged.
@Suite struct GGUFTests {
    private static func message(_ file: [UInt8], name: String = "model.gguf") throws -> String {
        let folder = try TestCheckpoint()
        try folder.write(name, file)
        do throws(EngineError) {
            let checkpoint = try Checkpoint.open("\(folder.path)/\(name)")
            for matrix in ["self_attn.q_proj", "self_attn.k_proj"] {
                _ = try checkpoint.naming.matrix("model.layers.0.\(matrix)", MatrixShape(2, 2), in: checkpoint)
            }
            for matrix in ["gate_proj", "up_proj"] {
                let name = "model.layers.0.mlp.experts.1.\(matrix)"
                _ = try checkpoint.naming.matrix(name, MatrixShape(3, 2), in: checkpoint)
            }
            return "opened"
        } catch { return error.message }
    }

    private static func message(_ change: (inout TestGGUF) -> Void) throws -> String {
        var file = TestGGUF()
        change(&file)
        return try message(file.bytes)
    }

    @Test func opens() throws {
        #expect(try Self.message { _ in } == "opened")
        let folder = try TestCheckpoint()
        try folder.write("model.gguf", TestGGUF().bytes)
        let checkpoint = try Checkpoint.open("\(folder.path)/model.gguf")
        let configuration = checkpoint.configuration
        #expect(configuration.architecture == .mixtureOfExperts && configuration.tiedEmbeddings)
        #expect(configuration.vocabulary == 4 && configuration.experts?.intermediate == 3)
        #expect(configuration.rotary.base == 1e6 && configuration.normEpsilon == Float(1e-6))
        #expect(checkpoint.generationDefaults.eosTokenIDs == [2])
        let error = #expect(throws: EngineError.self) { try Checkpoint.open(folder.path) }
        #expect(error?.message.contains("Name the file itself") == true)
    }

    /// The file beside wins, with its companions.
    @Test func aTokenizerBesideTheFileWins() throws {
        let folder = try TestCheckpoint()
        try folder.write("model.gguf", TestGGUF().bytes)
        let alone = try ModelFiles.open("\(folder.path)/model.gguf")
        #expect(try alone.contents("tokenizer_config.json") != nil && alone.contents("chat_template.jinja") == nil)
        try folder.write("tokenizer.json", "{}")
        let beside = try ModelFiles.open("\(folder.path)/model.gguf")
        #expect(try beside.contents("tokenizer.json") == Array("{}".utf8))
        #expect(try beside.contents("tokenizer_config.json") == nil)
        #expect(try beside.contents("config.json") == alone.contents("config.json"))
    }

    @Test func damagedHeadersAreRefused() throws {
        let big = UInt64(1) << 40
        for (word, change) in [
            ("more than the file has room for", { $0.valueCount = 1_000_000_000 }),
            ("more than the file has room for", { $0.tensorCount = .max }), ("of text are more than", { $0.valueCount = 22 }),
            ("big-endian", { $0.version = 0x0300_0000 }), ("version 1", { $0.version = 1 }),
            ("unknown type 77", { $0.set("x", .raw(77, [1])) }),
            ("more than the file has room for", { $0.set("x", .raw(8, [UInt8](repeating: 0xFF, count: 8))) }),
            ("not UTF-8", { $0.set("x", .raw(8, [1, 0, 0, 0, 0, 0, 0, 0, 0xFF])) }),
            ("is there twice", { $0.values.append(("tokenizer.ggml.pre", .text("qwen2"))) }),
            ("general.alignment is 0", { $0.set("general.alignment", .u32(0)) }),
            ("attn_q.weight ends behind the file", { $0.tensors[6].offset = big }),
            ("attn_q.weight ends behind the file", { $0.tensors[6].offset = .max }),
            ("overlaps with", { $0.tensors[6].offset = $0.tensors[5].offset ?? 32 }),
            ("type 19 (IQ1_S)", { $0.tensors[6].type = 19 }), ("type 4242", { $0.tensors[6].type = 4242 }),
            ("no whole blocks", { $0.tensors[6].type = 12 }), ("dimension of 0", { $0.tensors[6].sizes = [2, 0] }),
            ("dimension of", { $0.tensors[6].sizes = [2, .max] }), ("5 dimensions", { $0.tensors[6].sizes = [1, 1, 1, 1, 1] }),
            ("attn_q.weight is there twice", { $0.tensors.append($0.tensors[6]) }),
        ] as [(String, (inout TestGGUF) -> Void)] {
            let message = try Self.message(change)
            #expect(message.contains(word) && message.contains("model.gguf"), "\(word): \(message)")
        }
    }

    /// A header cut anywhere is an error, never a crash.
    @Test func cutFilesAreRefused() throws {
        let whole = TestGGUF().bytes
        // The last tensor ends 16 bytes before the end.
        for length in stride(from: 4, to: whole.count - 16, by: 7) {
            #expect(try Self.message(Array(whole[..<length])) != "opened", "\(length)")
        }
    }

    @Test func otherModelsAreNamed() throws {
        let nested: [UInt8] = [9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
        for (word, change) in [
            ("general.architecture is llama", { $0.set("general.architecture", .text("llama")) }),
            ("general.architecture is missing", { $0.set("general.architecture", nil) }),
            ("this is no model", { $0.set("general.type", .text("adapter")) }),
            ("embedding_length is missing", { $0.set("qwen3moe.embedding_length", nil) }),
            ("must be a whole number", { $0.set("qwen3moe.block_count", .text("1")) }),
            ("expert_shared_count is 2", { $0.set("qwen3moe.expert_shared_count", .u32(2)) }),
            ("value_length", { $0.set("qwen3moe.attention.value_length", .u32(4)) }),
            ("tokenizer.ggml.pre is llama-bpe", { $0.set("tokenizer.ggml.pre", .text("llama-bpe")) }),
            ("token_type has 3 entries", { $0.set("tokenizer.ggml.token_type", .numbers([1, 1, 3])) }),
            ("token_type[1]", { $0.set("tokenizer.ggml.token_type", .numbers([1, 6, 3, 5])) }),
            ("is there before", { $0.set("tokenizer.ggml.tokens", .texts(["a", "a", "<|im_end|>", "x"])) }),
            ("eos_token_id is 9", { $0.set("tokenizer.ggml.eos_token_id", .u32(9)) }),
            ("add_bos_token", { $0.set("tokenizer.ggml.add_bos_token", .bool(true)) }),
            ("arrays are nested", { $0.set("x", .raw(9, nested + nested + nested + nested + nested)) }),
            ("rope_scaling", { $0.set("qwen3moe.rope.scaling.type", .text("linear")) }),
            ("ffn_up_exps", { $0.tensors[12].sizes = [2, 2, 3] }), ("is missing", { $0.tensors.remove(at: 7) }),
        ] as [(String, (inout TestGGUF) -> Void)] {
            let message = try Self.message(change)
            #expect(message.contains(word) || word == "ffn_up_exps" && message.contains("experts.up_proj"), "\(word): \(message)")
        }
    }

    @Test func yarn() throws {
        let folder = try TestCheckpoint()
        var file = TestGGUF()
        file.set("qwen3moe.rope.scaling.type", .text("yarn"))
        file.set("qwen3moe.rope.scaling.factor", .f32(4))
        file.set("qwen3moe.rope.scaling.original_context_length", .u32(32))
        try folder.write("model.gguf", file.bytes)
        let configuration = try Checkpoint.open("\(folder.path)/model.gguf").configuration
        #expect(configuration.rotary.yarn?.factor == 4 && configuration.contextLength == 128)
    }

    @Test func partsOfASplitModel() throws {
        func part(_ number: UInt32, of count: UInt32 = 2, _ tensors: Range<Int>) -> [UInt8] {
            var file = TestGGUF()
            let all = file.tensors
            if number > 0 { file.values = [] }
            file.values += [
                ("split.no", .u32(number)), ("split.count", .u32(count)), ("split.tensors.count", .i32(Int32(all.count))),
            ]
            file.tensors = Array(all[tensors])
            return file.bytes
        }
        func message(_ files: [(String, [UInt8])], open: String = "m-00001-of-00002.gguf") throws -> String {
            let folder = try TestCheckpoint()
            for (name, bytes) in files { try folder.write(name, bytes) }
            do throws(EngineError) {
                let checkpoint = try Checkpoint.open("\(folder.path)/\(open)")
                return "\(checkpoint.tensors.count) tensors"
            } catch { return error.message }
        }
        let (first, second) = (("m-00001-of-00002.gguf", part(0, 0..<5)), ("m-00002-of-00002.gguf", part(1, 5..<14)))
        #expect(try message([first, second]) == "14 tensors")
        #expect(try message([("m-00001-of-00002.gguf", part(0, 0..<0)), ("m-00002-of-00002.gguf", part(1, 0..<14))])
            .contains("token_embd.weight is missing") == false)
        #expect(try message([first]).contains("the download is incomplete"))
        #expect(try message([first, second], open: "m-00002-of-00002.gguf").contains("m-00001-of-00002.gguf"))
        #expect(try message([("a.gguf", first.1)], open: "a.gguf").contains("keep the names"))
        #expect(try message([first, ("m-00002-of-00002.gguf", part(1, 5..<13))]).contains("13 tensors, but should have 14"))
        #expect(try message([first, ("m-00002-of-00002.gguf", part(2, of: 3, 5..<14))]).contains("belongs to another model"))
    }
}
