package import Foundation
import MoedCore

/// One of the tiny reference models with its recorded results.
package struct GoldenModel: Sendable, CustomStringConvertible {
    package let name: String
    package let configurationFile: String
    /// Entries of the vocabulary.
    package let vocabulary: Int
    /// The folder of golden data that holds the model.
    private let golden: URL

    /// The models of `Tests/Fixtures`, which every checkout has.
    package static let own = [
        GoldenModel(name: "tree-dense", vocabulary: 128, golden: Fixtures.ownGolden),
        GoldenModel(name: "tree-moe", vocabulary: 128, golden: Fixtures.ownGolden),
    ]

    /// Our own models, and those of the larger set where it is found.
    package static let all = own + (Fixtures.golden.map(shared) ?? [])

    /// Mixtures of experts in every layer, and dense models.
    package static let sparse = all.filter { ["tree-moe", "tiny-moe"].contains($0.name) }
    package static let dense = all.filter { $0.name.hasSuffix("-dense") }

    private static func shared(in golden: URL) -> [GoldenModel] {
        [
            GoldenModel(name: "tiny-dense", golden: golden), GoldenModel(name: "tiny-moe", golden: golden),
            GoldenModel(name: "tiny-moe-mixed", golden: golden),
            GoldenModel(name: "tiny-moe-sharded", golden: golden),
            GoldenModel(
                name: "tiny-moe-sharded", configurationFile: "config.rope_parameters.json", golden: golden),
        ]
    }

    private init(name: String, configurationFile: String = "config.json", vocabulary: Int = 512, golden: URL)
    {
        self.name = name
        self.configurationFile = configurationFile
        self.vocabulary = vocabulary
        self.golden = golden
    }

    package var description: String { "\(name)/\(configurationFile)" }

    package var directory: URL { golden.appending(path: "models/\(name)") }

    package func tensors() throws -> [String: GoldenTensor] {
        try GoldenTensor.read(directory.appending(path: "golden/golden.safetensors"))
    }
}

/// A recorded tensor, read without the code under test.
package struct GoldenTensor: Sendable {
    package let shape: [Int]
    package let floats: [Float]
    package let integers: [Int32]

    package static func read(_ url: URL) throws -> [String: GoldenTensor] {
        let data = [UInt8](try Data(contentsOf: url))
        let length = (0..<8).reduce(0) { $0 | Int(data[$1]) << (8 * $1) }
        let header = try JSONValue(parsing: Array(data[8..<8 + length]))
        var tensors: [String: GoldenTensor] = [:]
        for member in header.object?.members ?? [] where member.key != "__metadata__" {
            let offsets = (member.value["data_offsets"]?.array ?? []).compactMap(\.integer)
            let words = stride(from: 8 + length + offsets[0], to: 8 + length + offsets[1], by: 4).map { at in
                (0..<4).reduce(UInt32(0)) { $0 | UInt32(data[at + $1]) << UInt32(8 * $1) }
            }
            let isFloat = member.value["dtype"] == "F32"
            tensors[member.key] = GoldenTensor(
                shape: (member.value["shape"]?.array ?? []).compactMap(\.integer),
                floats: isFloat ? words.map(Float.init(bitPattern:)) : [],
                integers: isFloat ? [] : words.map(Int32.init(bitPattern:)))
        }
        return tensors
    }
}
