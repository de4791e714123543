import Foundation
import MoedCore
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// Files and directories of other kinds in a model's place: each message says what it is, and the way out.
@Suite struct ForeignFileTests {
    private func message(_ path: String) -> String {
        do throws(EngineError) {
            _ = try ModelDirectory.open(path)
            return "opened"
        } catch { return error.message }
    }

    private func checkpoint(_ files: (String, [UInt8])...) throws -> TestCheckpoint {
        let checkpoint = try TestCheckpoint()
        for (name, bytes) in files { try checkpoint.write(name, bytes) }
        return checkpoint
    }

    @Test(arguments: [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
        ("<!DOCTYPE html>\n<html>", "HTML page"), ("  <HTML lang=en>", "HTML page"),
        ("GGUF\u{3}\u{0}\u{0}\u{0}", "GGUF file"), ("PK\u{3}\u{4}", "zip archive"),
    ])
    func anotherKindOfFile(_ text: String, _ words: String) throws {
        let content = Array((text + String(repeating: "x", count: 100)).utf8)
        let weights = try checkpoint(("model.safetensors", content))
        try weights.writeConfiguration()
        #expect(message(weights.path).contains("model.safetensors is "), "\(message(weights.path))")
        #expect(message(weights.path).contains(words))
        let configuration = try checkpoint(("config.json", content))
        #expect(message(configuration.path).contains("config.json is "), "\(message(configuration.path))")
        #expect(message(configuration.path).contains(words))
        let other = try checkpoint(("model.safetensors", Array("something else entirely".utf8)))
        try other.writeConfiguration()
        #expect(message(other.path).contains("is no safetensors file"))
    }

    @Test func directoriesWithoutAModel() throws {
        for (file, words) in [
            ("adapter_config.json", "--adapter"), ("model-Q4_K_M.gguf", "Name the file itself"),
            ("pytorch_model.bin", "save_pretrained"), ("model-00001-of-00002.safetensors", "config.json is missing"),
        ] {
            let bare = try checkpoint((file, [0]))
            #expect(message(bare.path).contains(words), "\(message(bare.path))")
            let configured = try checkpoint((file, [0]))
            try configured.writeConfiguration()
            #expect(message(configured.path).contains("model.safetensors"), "\(message(configured.path))")
            if words != "config.json is missing" { #expect(message(configured.path).contains(words)) }
        }
    }

    @Test func pathsThatAreNoDirectory() throws {
        #expect(message("Qwen/Qwen3-8B").contains("hf download Qwen/Qwen3-8B"))
        #expect(message("./nowhere/else").contains("No such file") && !message("./nowhere/else").contains("hf download"))
        let files = try checkpoint(("a.gguf", Array("GGUF".utf8)), ("model.safetensors", [0]))
        #expect(message("\(files.path)/a.gguf").contains("a.gguf: at byte 4"))
        #expect(message("\(files.path)/model.safetensors").contains("name the directory"))
    }

    @Test func shorterThanItsHeaderSays() throws {
        let whole = TestCheckpoint.safetensors()
        let cut = try checkpoint(("model.safetensors", Array(whole.dropLast(3))))
        try cut.writeConfiguration()
        #expect(message(cut.path).contains("the file is shorter than its header says"), "\(message(cut.path))")
    }

    /// Names of the same tensor behind other prefixes, and what lies in place of a weight.
    @Test func namesThatAreNotTheModels() throws {
        func missing(_ rename: (String) -> String) throws -> String {
            let checkpoint = try TestCheckpoint()
            try checkpoint.writeConfiguration()
            let tensors = TestCheckpoint.tensors.map { (name: rename($0.name), shape: $0.shape) }
            try checkpoint.write("model.safetensors", TestCheckpoint.safetensors(tensors))
            let opened = try Checkpoint.open(checkpoint.path)
            let name = "model.layers.0.self_attn.q_proj.weight"
            do throws(EngineError) { _ = try opened.weight(name, shape: [2, 2]) } catch { return error.message }
            return "found"
        }
        #expect(try missing { $0 } == "found")
        let adapter = try missing { "base_model.model.\($0)" }
        #expect(adapter.contains("“base_model.model.model.”") && adapter.contains("merge_and_unload"), "\(adapter)")
        let compiled = try missing { "_orig_mod.\($0)" }
        #expect(compiled.contains("“_orig_mod.model.”"), "\(compiled)")
        for (ending, kind) in [
            ("SCB", "bitsandbytes"), ("W_q", "HQQ"), ("weight.absmax", "bitsandbytes"),
            ("base_layer.weight", "merge_and_unload"),
        ] {
            let message = try missing { $0.replacingOccurrences(of: "q_proj.weight", with: "q_proj.\(ending)") }
            #expect(message.contains("q_proj.\(ending)") && message.contains(kind), "\(message)")
        }
    }

    /// Canonically equivalent names are different names.
    @Test func namesAreComparedExactly() throws {
        let checkpoint = try TestCheckpoint()
        try checkpoint.writeConfiguration()
        let composed = "model.\u{E9}.weight"
        let apart = "model.e\u{301}.weight"
        try checkpoint.write(
            "model.safetensors", TestCheckpoint.safetensors([(composed, [1]), (apart, [2])]))
        let opened = try Checkpoint.open(checkpoint.path)
        #expect(opened.tensors.count == 2)
        #expect(try opened.weight(composed, shape: [1]).byteCount == 4)
        #expect(try opened.weight(apart, shape: [2]).byteCount == 8)
    }
}
