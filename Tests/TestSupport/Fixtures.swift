package import Foundation

/// Paths of the tests' files.
package enum Fixtures {
    /// The checkout this file lies in.
    package static let packageRoot = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The trained Qwen3-MoE checkpoint that demo, tests and first users run.
    package static let sampleModel = packageRoot.appending(path: "Tests/Fixtures/sample-model")

    /// Golden data of our own, in the same form as the larger set with third-party text.
    package static let ownGolden = packageRoot.appending(path: "Tests/Fixtures/golden")

    /// Golden data with third-party text, which is not part of the project: `MOED_GOLDEN`, or else
    /// `../shared/golden` beside the checkout; nil when it is not there.
    package static let golden: URL? = {
        let named = ProcessInfo.processInfo.environment["MOED_GOLDEN"].map { URL(filePath: $0) }
        let folder = named ?? packageRoot.deletingLastPathComponent().appending(path: "shared/golden")
        return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
    }()

    /// Message of tests that are skipped because the golden data is missing.
    package static let goldenMissing =
        "golden data not found: set MOED_GOLDEN to its folder (default ../shared/golden)"
}
