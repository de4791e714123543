import Foundation
import TestSupport
import Testing

/// The sample model as a pack of int8, in a folder that lives as long as this.
struct SamplePack {
    let folder: TemporaryFolder
    var path: String { folder.path("pack") }

    init() async throws {
        folder = try TemporaryFolder()
        let packed = try await MoedProgram.run([
            "pack", Fixtures.sampleModel.path, folder.path("pack"), "--experts", "int8", "--dense", "int8",
            "--group", "64",
        ])
        try #require(packed.status == 0, "\(packed.errors)")
    }

    /// The bytes that the refusal of a budget names as the least.
    static func leastBudget(_ refused: (status: Int32, output: String, errors: String)) throws -> Int {
        #expect(refused.status == 78 && refused.errors.contains("memory.budget: 1 MB"), "\(refused.errors)")
        let words = refused.errors.split(separator: " ")
        let place = try #require(words.firstIndex(of: "bytes"), "\(refused.errors)")
        return try #require(Int(words[place - 1]))
    }

    /// A budget with places for about a quarter of the experts: the process itself takes a little more or less each
    /// time.
    static func tight(_ least: Int) -> String { "\(least + 800_000)" }
}
