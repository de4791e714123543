package import Foundation
import MoedCore

/// One of the tiny reference models with its recorded results.
package struct GoldenModel: Sendable, CustomStringConvertible {
    package let name: String
    package let configurationFile: String

    package static let all = [
        GoldenModel(name: "tiny-dense", configurationFile: "config.json"),
        GoldenModel(name: "tiny-moe", configurationFile: "config.json"),
        GoldenModel(name: "tiny-moe-mixed", configurationFile: "config.json"),
        GoldenModel(name: "tiny-moe-sharded", configurationFile: "config.json"),
        GoldenModel(name: "tiny-moe-sharded", configurationFile: "config.rope_parameters.json"),
    ]

    package var description: String { "\(name)/\(configurationFile)" }

    /// - Precondition: the golden folder is there.
    package var directory: URL {
        guard let golden = Fixtures.golden else { preconditionFailure(Fixtures.goldenMissing) }
        return golden.appending(path: "models/\(name)")
    }

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
