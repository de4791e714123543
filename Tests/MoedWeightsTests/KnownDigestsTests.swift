import Foundation
import MoedWeights
import TestSupport
import Testing

/// A file is read whole once, and again after any change.
@Suite struct KnownDigestsTests {
    private let folder: TemporaryFolder
    private let far = Int.max

    init() throws {
        folder = try TemporaryFolder()
        try folder.write("a", (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 3) })
        try setTime("a")
    }

    private func setTime(_ name: String) throws {
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 0)], ofItemAtPath: folder.path(name))
    }

    private func digest(_ name: String, now: Int) throws -> (digest: Digest, wasRead: Bool) {
        var known = KnownDigests(folder.path("known"), now: now)
        var wasRead = false
        let digest = try known.digest(of: try WeightFile(folder.path(name))) { _ in wasRead = true }
        known.save()
        return (digest, wasRead)
    }

    @Test func aFileIsReadOnce() throws {
        let first = try digest("a", now: far)
        let second = try digest("a", now: far)
        #expect(first.wasRead && !second.wasRead && first.digest == second.digest)
        #expect(try folder.names == ["a", "known"])
    }

    @Test func aCopyHasTheSameDigest() throws {
        try folder.copy(folder.path("a"), to: "b")
        #expect(try digest("a", now: far).digest == digest("b", now: far).digest)
    }

    /// One bit of two million bytes, with the old size and time.
    @Test func changedContentsAreSeen() throws {
        let first = try digest("a", now: far).digest
        try folder.flip("a", at: 1_234_567)
        try setTime("a")
        let changed = try digest("a", now: far)
        #expect(changed.wasRead && changed.digest != first)
    }

    /// A file of this moment may change again within a tick of the system's clock.
    @Test func aFreshFileIsNotRecorded() throws {
        #expect(try digest("a", now: 0).wasRead)
        #expect(try digest("a", now: 0).wasRead)
    }

    @Test(arguments: ["", "nonsense\n", "0123456789abcdef\n", "0123456789abcdef zzz\n\u{0}"])
    func aDamagedRecordIsNone(text: String) throws {
        try folder.write("known", Array(text.utf8))
        #expect(try digest("a", now: far).wasRead)
    }
}
