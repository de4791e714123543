import Foundation
import MoedCore
import MoedLattice
import TestSupport
import Testing

@testable import MoedWeights

/// Blocks of GGUF files against the values that the gguf library (0.19.0) decodes, recorded by
/// `Tests/Fixtures/gguf/files.py blocks`.
@Suite struct BlockRowsTests {
    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.utf8.map { $0 < 0x3A ? $0 - 0x30 : $0 - 0x57 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    @Test func sameValuesAsTheLibrary() throws {
        let file = Fixtures.packageRoot.appending(path: "Tests/Fixtures/gguf/blocks.jsonl")
        var seen: Set<String> = []
        for line in try Fixtures.lines(file) {
            let name = try #require(line["type"]?.string)
            let type = try #require(BlockType(rawValue: name))
            let shape = MatrixShape(line["rows"]?.integer ?? 0, line["columns"]?.integer ?? 0)
            let tensor = GivenBytes(.u8, Self.bytes(line["bytes"]?.string ?? ""), shape: [])
            let expected = Self.bytes(line["values"]?.string ?? "")
            let rows = try Packing.rows(BlockRows(tensor, type, shape)).joined()
            try #require(rows.count == shape.count && expected.count == 4 * rows.count, "\(name)")
            for (index, value) in rows.enumerated() {
                let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(expected[4 * index + $1]) << UInt32(8 * $1) }
                // A zero may have either sign.
                #expect(value == Float(bitPattern: bits), "\(name) \(index)")
            }
            seen.insert(name)
        }
        #expect(seen == Set(BlockType.allCases.map(\.rawValue)))
    }

    @Test func anotherLengthIsRefused() {
        for (count, shape) in [(17, MatrixShape(1, 32)), (36, MatrixShape(1, 32)), (18, MatrixShape(1, 31))] {
            let error = #expect(throws: EngineError.self) {
                try BlockRows(GivenBytes(.u8, [UInt8](repeating: 0, count: count)), .q4x0, shape)
            }
            #expect(error?.message.contains("bytes of Q4_0") == true)
        }
    }
}
