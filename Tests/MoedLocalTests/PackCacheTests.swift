import Foundation
import MoedCore
import MoedLocal
import MoedEngine
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// Packs that the daemon makes by itself.
@Suite struct PackCacheTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.createFolder("model")
        for name in [
            "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json",
            "model.safetensors",
        ] {
            try folder.copy("\(Fixtures.sampleModel.path)/\(name)", to: "model/\(name)")
        }
    }

    private func load(_ experts: WeightFormat) throws -> (pack: Pack, wasPacked: Bool) {
        var wasPacked = false
        let pack = try PackCache(directory: folder.path("cache")).pack(
            try Checkpoint.open(folder.path("model")), experts: experts, dense: .int8(group: 64), threads: 2
        ) { _, _ in wasPacked = true }
        return (pack, wasPacked)
    }

    @Test func packsOnceForEachCheckpointAndFormat() throws {
        let first = try load(.int4(group: 64))
        #expect(first.wasPacked && first.pack.manifest.experts == "int4/64")
        let again = try load(.int4(group: 64))
        #expect(!again.wasPacked && again.pack.directory == first.pack.directory)
        #expect(try load(.int8(group: 64)).wasPacked)
        // Another template is another model to the jobs that use it.
        try folder.write("model/chat_template.jinja", Array("{{ messages[0].content }}".utf8))
        let changed = try load(.int4(group: 64))
        #expect(changed.wasPacked && changed.pack.directory != first.pack.directory)
        #expect(changed.pack.manifest.copies.map(\.name).contains("chat_template.jinja"))
        // So are other weights, though of the same size.
        try folder.flip("model/model.safetensors", at: 1_000_000)
        #expect(try load(.int4(group: 64)).wasPacked)
        #expect(try folder.names == ["cache", "model"])
    }

    private func setTime() throws {
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 0)], ofItemAtPath: folder.path("model/model.safetensors"))
    }

    /// Images with normalised times: neither size nor time tells the weights apart.
    @Test func otherWeightsOfTheSameSizeAndTimeAreOthers() throws {
        try setTime()
        let first = try load(.bf16)
        try folder.flip("model/model.safetensors", at: 3_000_000)
        try setTime()
        let other = try load(.bf16)
        #expect(other.wasPacked && other.pack.manifest.weightsDigest != first.pack.manifest.weightsDigest)
        try folder.flip("model/model.safetensors", at: 3_000_000)
        try setTime()
        let again = try load(.bf16)
        #expect(!again.wasPacked && again.pack.directory == first.pack.directory)
    }

    @Test func aCopyUnderAnotherNameFindsItsPack() throws {
        let first = try load(.bf16)
        try folder.copy(folder.path("model"), to: "copy")
        let pack = try PackCache(directory: folder.path("cache")).pack(
            try Checkpoint.open(folder.path("copy")), experts: .bf16, dense: .int8(group: 64), threads: 2
        ) { _, _ in Issue.record("the copy was packed") }
        #expect(pack.directory == first.pack.directory)
    }

    @Test func damagedPacksAreReported() throws {
        let pack = try load(.bf16).pack
        let name = try #require(pack.directory.split(separator: "/").last)
        try folder.flip("cache/\(name)/manifest.json", at: 100)
        #expect(throws: EngineError.self) { try load(.bf16) }
    }

    @Test func aCacheThatCannotBeWrittenIsNamed() throws {
        let error = #expect(throws: EngineError.self) {
            try PackCache(directory: "/proc/nowhere").pack(
                try Checkpoint.open(folder.path("model")), experts: .bf16, dense: .bf16, threads: 1
            ) { _, _ in }
        }
        #expect(error?.message.contains("/proc/nowhere") == true)
    }
}
