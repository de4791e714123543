import Foundation
import TestSupport
import Testing

/// Linkage of the program for installation. `make build` checks it too.
struct BinaryTests {
    private static let binary = Fixtures.packageRoot.appending(path: ".build-static/dist/moed")
    private static let script = Fixtures.packageRoot.appending(path: ".ci/check-binary")

    @Test(
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: binary.path), "make build has not been run"))
    func theReleaseBinaryIsHardened() async throws {
        let result = try await Command.run(Self.script, [Self.binary.path])
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.isEmpty)
    }

    /// The tests themselves are linked otherwise: with an RPATH, symbols and the paths of this folder.
    @Test func otherBinariesAreNot() async throws {
        let result = try await Command.run(
            Self.script, [URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path])
        #expect(result.status == 1)
        #expect(result.output.contains("no symbols inside does not hold"))
        #expect(result.output.contains("no path of this folder inside does not hold"))
    }
}
