import Foundation
import MoedCore
import MoedEngine
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// Packs that are damaged, cut short, incomplete or lie: refused with file, blob and reason.
@Suite struct DamagedPackTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try PackTests.pack(
            try SampleModelTests.checkpoint(), to: folder.path("pack"), experts: .int4(group: 64),
            dense: .int8(group: 64))
    }

    private func loadingError() -> EngineError? {
        do throws(EngineError) {
            _ = try Qwen3Model.load(try ModelDirectory.open(folder.path("pack")), threads: 2)
        } catch { return error }
        return nil
    }

    private func verifyingError() -> EngineError? {
        do throws(EngineError) { try Pack.open(folder.path("pack")).verify(threads: 2) } catch {
            return error
        }
        return nil
    }

    @Test func theyAreWholeToBeginWith() {
        #expect(loadingError() == nil)
        #expect(verifyingError() == nil)
    }

    /// Weights, padding between them, first and last byte.
    @Test(arguments: PackManifest.WeightFileName.allCases)
    func flippedBits(_ file: PackManifest.WeightFileName) throws {
        let manifest = try Pack.open(folder.path("pack")).manifest
        let blobs = manifest.blobs.filter { $0.file == file }
        let places =
            [0, manifest.byteCount(of: file) - 1]
            + stride(from: 3, to: blobs.count, by: 7).flatMap { index in
                [blobs[index].offset, blobs[index].offset + blobs[index].byteCount * 2 / 3]
            }
        for place in places {
            try folder.flip("pack/\(file.rawValue)", at: place)
            let blob = try #require(blobs.first { ($0.offset..<$0.offset + $0.byteCount).contains(place) })
            for error in [loadingError(), verifyingError()] {
                let error = try #require(error, "byte \(place) of \(file)")
                #expect(error.code == .badCheckpoint)
                #expect(error.message.contains("\(file.rawValue): blob \(blob.name) "), "\(error.message)")
            }
            try folder.flip("pack/\(file.rawValue)", at: place)
        }
        #expect(loadingError() == nil)
    }

    @Test(arguments: [
        "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "manifest.json",
    ])
    func damagedSmallFiles(_ name: String) throws {
        let whole = try folder.bytes("pack/\(name)")
        for place in [0, whole.count / 3, whole.count / 2, whole.count - 2] {
            try folder.flip("pack/\(name)", at: place)
            #expect(try #require(loadingError(), "byte \(place) of \(name)").message.contains(name))
            try folder.write("pack/\(name)", whole)
        }
        for content in [Array(whole.dropLast(2)), whole + [0x7D], []] {
            try folder.write("pack/\(name)", content)
            #expect(try #require(loadingError(), "\(name) of \(content.count) bytes").message.contains(name))
        }
        try folder.remove("pack/\(name)")
        #expect(try #require(loadingError()).message.contains(name))
    }

    @Test(arguments: ["dense.bin", "experts.bin"])
    func weightFilesOfOtherSizes(_ name: String) throws {
        let whole = try folder.bytes("pack/\(name)")
        for content in [Array(whole.dropLast()), whole + [0], Array(whole.prefix(4096)), []] {
            try folder.write("pack/\(name)", content)
            let error = try #require(loadingError())
            #expect(error.message.contains("\(name) has \(content.count) bytes"))
        }
        try folder.remove("pack/\(name)")
        #expect(try #require(loadingError()).message.contains(name))
        try folder.createFolder("pack/\(name)")
        #expect(try #require(loadingError()).message.contains("not a regular file"))
    }

    @Test func filesLaidBesideTheOthers() throws {
        try folder.write("pack/chat_template.jinja", Array("{{ 1 }}".utf8))
        #expect(try #require(loadingError()).message.contains("chat_template.jinja"))
    }

    @Test func incompletePacksAreNoCheckpoints() throws {
        try folder.remove("pack/manifest.json")
        #expect(try #require(loadingError()).message.contains("manifest.json is missing"))
    }

    /// The manifest with some blob changed and its digest made right again.
    private func forge(_ change: (inout [JSONValue], inout JSONObject) throws -> Void) throws {
        let text = String(decoding: try folder.bytes("pack/manifest.json"), as: UTF8.self)
        var object = try #require(try JSONValue(parsing: text).object)
        var blobs = try #require(object["blobs"]?.array)
        object["digest"] = nil
        try change(&blobs, &object)
        object["blobs"] = .array(blobs)
        object["digest"] = .string(Digest(Array(JSONValue.object(object).serialized().utf8)).description)
        try folder.write("pack/manifest.json", Array(JSONValue.object(object).serialized().utf8))
    }

    @Test(
        arguments: [
            ("format", "int8/32"), ("format", "int4/64"), ("format", "bf16"), ("format", "int8/64+int8/64"),
            ("format", ""),
            ("format", "gguf"), ("name", "model.layers.0.self_attn.x_proj"), ("digest", "0000000000000000"),
            ("part", 64),
        ] as [(String, JSONValue)])
    func forgedBlobs(_ key: String, _ value: JSONValue) throws {
        try forge { blobs, _ in
            var blob = try #require(blobs[1].object)
            blob[key] = value
            blobs[1] = .object(blob)
        }
        let error = try #require(loadingError())
        #expect(error.code == .badCheckpoint && error.message.contains("model.layers.0.self_attn.q_proj"))
    }

    @Test func forgedSizes() throws {
        // Two blobs with other borders: together they have the right size.
        try forge { blobs, _ in
            var (first, second) = (try #require(blobs[0].object), try #require(blobs[1].object))
            let count = try #require(first["bytes"]?.integer)
            first["bytes"] = .integer(Int64(count - 64))
            second["offset"] = .integer(Int64(count - 64))
            second["bytes"] = .integer(Int64(try #require(second["bytes"]?.integer) + 64))
            (blobs[0], blobs[1]) = (.object(first), .object(second))
        }
        #expect(try #require(loadingError()).message.contains("model.embed_tokens"))
    }

    @Test(arguments: [
        ("experts", "int8/64"), ("experts", "nonsense"), ("dense", "bf16"), ("dense", "int8/32"),
    ])
    func forgedFormats(_ key: String, _ format: String) throws {
        try forge { _, object in object[key] = .string(format) }
        #expect(try #require(loadingError()).message.contains("manifest.json"))
    }

    @Test func quantisedRoutersAreRefused() throws {
        try forge { blobs, _ in
            let index = try #require(blobs.firstIndex { $0["name"]?.string?.hasSuffix("mlp.gate") == true })
            var blob = try #require(blobs[index].object)
            blob["format"] = "int8/64"
            blobs[index] = .object(blob)
        }
        #expect(try #require(loadingError()).message.contains("mlp.gate"))
    }

    @Test func anotherModelsConfigurationIsRefused() throws {
        let text = String(decoding: try folder.bytes("pack/config.json"), as: UTF8.self)
        let other = Array(text.replacing("\"hidden_size\": 128", with: "\"hidden_size\": 256").utf8)
        try folder.write("pack/config.json", other)
        try forge { _, object in
            var files = try #require(object["files"]?.array)
            var entry = try #require(files[0].object)
            entry["digest"] = .string(Digest(other).description)
            files[0] = .object(entry)
            object["files"] = .array(files)
        }
        let error = try #require(loadingError())
        #expect(error.message.contains("blob") && error.message.contains("bytes"), "\(error.message)")
    }
}
