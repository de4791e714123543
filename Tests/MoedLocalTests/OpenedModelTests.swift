import Foundation
import MoedCore
import MoedEngine
import MoedLocal
import MoedPacks
import MoedPreparation
import MoedWeights
import TestSupport
import Testing

/// What is found before weights are read: `check`, `inspect` and `run` ask the same function.
@Suite struct OpenedModelTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        for name in try FileManager.default.contentsOfDirectory(atPath: Fixtures.sampleModel.path)
        where name.hasSuffix(".json") || name.hasSuffix(".safetensors") {
            try folder.copy(Fixtures.sampleModel.appending(path: name).path, to: name)
        }
    }

    private func change(_ name: String, _ change: (inout JSONObject) -> Void) throws {
        guard case .object(var object) = try JSONValue(parsing: try folder.bytes(name)) else { return }
        change(&object)
        try folder.write(name, Array(JSONValue.object(object).serialized().utf8))
    }

    /// Changes the header of the weights; the data stays as it is.
    private func changeTensors(_ change: (inout JSONObject) -> Void) throws {
        let file = try folder.bytes("model.safetensors")
        let length = (0..<8).reduce(0) { $0 | Int(file[$1]) << (8 * $1) }
        guard case .object(var object) = try JSONValue(parsing: Array(file[8..<8 + length])) else { return }
        change(&object)
        try folder.write(
            "model.safetensors",
            TestCheckpoint.safetensors(
                header: JSONValue.object(object).serialized(), data: Array(file[(8 + length)...])))
    }

    private func rename(_ name: String, to other: String) throws {
        try changeTensors { object in
            object[other] = object[name]
            object[name] = nil
        }
    }

    private func open() throws -> OpenedModel { try OpenedModel.open(ModelOptions(directory: folder.path)) }

    private func refusal() -> String {
        do { _ = try open() } catch { return "\(error)" }
        return "opened"
    }

    @Test func theSampleModelHasNothingToRemark() throws {
        let opened = try open()
        #expect(opened.remarks == [])
        #expect(opened.text.endTokensText == "635 <|endoftext|>, 637 <|im_end|>")
    }

    @Test func missingAndMisshapenTensors() throws {
        try rename("model.layers.5.self_attn.k_proj.weight", to: "model.layers.5.self_attn.k_proj.qweight")
        #expect(refusal().contains("needs model.layers.5.self_attn.k_proj.qzeros, which is missing"), "\(refusal())")
    }

    @Test func vocabularyOfAnotherSize() throws {
        try change("config.json") { $0["vocab_size"] = 641 }
        #expect(refusal().contains("model.embed_tokens.weight has shape [640, 128]"), "\(refusal())")
    }

    @Test func unusedTensorsAreNamed() throws {
        try change("config.json") { $0["num_hidden_layers"] = 5 }
        let remarks = try open().remarks
        #expect(remarks.count == 1 && remarks[0].contains("57 tensors are not used"), "\(remarks)")
        #expect(remarks[0].contains("16 × model.layers.*.mlp.experts.*.down_proj.weight"), "\(remarks)")
    }

    @Test func endTokensOfAllFiles() throws {
        try change("generation_config.json") { $0["eos_token_id"] = 635 }
        try change("config.json") { $0["eos_token_id"] = 635 }
        #expect(try open().text.endIDs == [635, 637])
        try folder.remove("generation_config.json")
        try change("config.json") { $0["eos_token_id"] = nil }
        #expect(try open().text.endIDs == [637])
        try change("tokenizer_config.json") { $0["eos_token"] = nil }
        let opened = try open()
        #expect(opened.text.endIDs == [] && opened.text.endTokensText == "none")
        #expect(opened.remarks.contains { $0.contains("no end token is known") })
    }

    @Test func configurationRemarksAreShown() throws {
        try change("config.json") { $0["norm_topk_prob"] = nil }
        #expect(try open().remarks.contains { $0.contains("norm_topk_prob") })
    }

    /// A tied model with another output matrix is untied; an equal copy stays one matrix, in a pack too.
    @Test func outputMatrixOfItsOwn() throws {
        let embedding = "model.embed_tokens.weight"
        func write(_ changes: (inout [UInt8]) -> Void) throws {
            let opened = try Checkpoint.open(Fixtures.sampleModel.path)
            let entry = try #require(opened.tensors.first { $0.name == embedding })
            var bytes = [UInt8](repeating: 0, count: entry.byteCount)
            try opened.read(entry, bytes: 0..<entry.byteCount, into: &bytes)
            changes(&bytes)
            let header = "{\"lm_head.weight\":{\"dtype\":\"BF16\",\"shape\":\(entry.shape),"
                + "\"data_offsets\":[0,\(bytes.count)]}}"
            try folder.write("head.safetensors", TestCheckpoint.safetensors(header: header, data: bytes))
            if try folder.names.contains("model.safetensors") {
                try FileManager.default.moveItem(
                    atPath: folder.path("model.safetensors"), toPath: folder.path("rest.safetensors"))
            }
            let map = JSONObject([("lm_head.weight", "head.safetensors"), (embedding, "rest.safetensors")])
            try folder.write(
                "model.safetensors.index.json",
                Array(JSONValue.object(JSONObject([("weight_map", .object(map))])).serialized().utf8))
        }
        try write { _ in }
        let copy = try open()
        #expect(copy.source.configuration.tiedEmbeddings && copy.remarks == [])
        try write { $0[$0.count - 1] ^= 1 }
        let own = try open()
        #expect(!own.source.configuration.tiedEmbeddings)
        #expect(own.remarks.count == 1 && own.remarks[0].contains("lm_head.weight differs"))
        #expect(own.unloaded.denseByteCount > copy.unloaded.denseByteCount)
        guard case .checkpoint(let checkpoint) = own.source else { return }
        let path = folder.path("packed")
        _ = try Packer(checkpoint, Packer.Options(experts: .bf16, dense: .bf16, threads: 1, tool: "test"))
            .pack(to: path)
        let pack = try OpenedModel.open(ModelOptions(directory: path))
        #expect(!pack.source.configuration.tiedEmbeddings)
        #expect(pack.unloaded.denseByteCount == own.unloaded.denseByteCount)
    }
}
