import Foundation
import MoedCore
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// A pack's directory appears whole or not at all.
@Suite struct PackDestinationTests {
    private let manifest = PackManifest(
        tool: "t", architecture: .dense, experts: "bf16", dense: "bf16", copies: [], blobs: [])

    @Test func appearsAtTheEnd() throws {
        let folder = try TemporaryFolder()
        let destination = try PackDestination(folder.path("pack/"))
        try destination.write([1, 2, 3], to: .dense, at: 5)
        try destination.write("config.json", [7])
        #expect(try folder.names == ["pack.partial-\(getpid())"])
        try destination.publish(manifest)
        #expect(try folder.names == ["pack"])
        #expect(try folder.bytes("pack/dense.bin") == [0, 0, 0, 0, 0, 1, 2, 3])
        #expect(try folder.bytes("pack/experts.bin") == [])
        #expect(try folder.bytes("pack/manifest.json") == Array(manifest.text.utf8))
    }

    @Test func leavesNothingWhenGivenUp() throws {
        let folder = try TemporaryFolder()
        do {
            let destination = try PackDestination(folder.path("pack"))
            try destination.write([1], to: .experts, at: 0)
            #expect(try folder.names.count == 1)
        }
        #expect(try folder.names == [])
    }

    @Test func takesNobodysPlace() throws {
        let folder = try TemporaryFolder()
        try folder.createFolder("pack")
        try folder.write("pack/mine", [1])
        let error = #expect(throws: EngineError.self) { try PackDestination(folder.path("pack")) }
        #expect(error?.message.contains("exists") == true)
        // Nor one that was taken meanwhile.
        let destination = try PackDestination(folder.path("other"))
        try folder.createFolder("other")
        try folder.write("other/mine", [1])
        #expect(throws: EngineError.self) { try destination.publish(manifest) }
        #expect(try folder.bytes("other/mine") == [1])
    }

    @Test func removesWhatDeadRunsLeftButNotWhatLivingOnesWrite() throws {
        let folder = try TemporaryFolder()
        let mark = Array("moed pack: not completed\n".utf8)
        try folder.createFolder("pack.partial-1")
        try folder.write("pack.partial-1/dense.bin", [1])
        try folder.write("pack.partial-1/.moed-partial", mark)
        try folder.createFolder("pack.partial-2")
        try folder.write("pack.partial-2/notes.txt", [1])
        try folder.write("pack.partial-2/.moed-partial", mark)
        // Somebody's own: the name alone is not moed's mark, nor is a file with another text.
        try folder.createFolder("pack.partial-mydata")
        try folder.write("pack.partial-mydata/config.json", [1])
        try folder.createFolder("pack.partial-other")
        try folder.write("pack.partial-other/tokenizer.json", [1])
        try folder.write("pack.partial-other/.moed-partial", [1])
        try folder.createFolder("packed.partial-1")
        try folder.createFolder("pack.partial-3")
        let living = unsafe open(folder.path("pack.partial-3"), O_RDONLY | O_DIRECTORY)
        defer { close(living) }
        #expect(flock(living, LOCK_EX) == 0)
        let destination = try PackDestination(folder.path("pack"))
        // Files that do not belong to a pack are not removed.
        let expected = [
            "pack.partial-2", "pack.partial-3", "pack.partial-\(getpid())", "pack.partial-mydata",
            "pack.partial-other",
            "packed.partial-1",
        ]
        #expect(try folder.bytes("pack.partial-mydata/config.json") == [1])
        #expect(try folder.bytes("pack.partial-other/tokenizer.json") == [1])
        #expect(try folder.names == expected.sorted())
        withExtendedLifetime(destination) {}
    }

    @Test func theDiskMustHaveRoom() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: EngineError.self) {
            try PackDestination(folder.path("pack"), byteCount: 1 << 60)
        }
        #expect(error?.message.contains("bytes free") == true)
        #expect(try folder.names == [])
    }

    @Test func theMarkGoesWithThePublication() throws {
        let folder = try TemporaryFolder()
        let destination = try PackDestination(folder.path("pack"), byteCount: 1)
        #expect(try folder.names(in: "pack.partial-\(getpid())").contains(".moed-partial"))
        try destination.publish(manifest)
        #expect(try folder.names(in: "pack").contains(".moed-partial") == false)
    }

    @Test func placesThatCannotBeWritten() throws {
        for path in ["", "/", "..", ".", "/nowhere/pack", "/proc/pack"] {
            #expect(throws: EngineError.self) { try PackDestination(path) }
        }
    }
}
