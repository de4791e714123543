import Foundation
import MoedCore
import TestSupport

/// The files of a model of one shard, to be changed and written.
struct StoredModel {
    struct Tensor {
        var type: String
        var shape: [Int]
        var bytes: [UInt8]
    }

    var configuration: JSONObject
    var tensors: [String: Tensor] = [:]

    init(_ folder: URL) throws {
        let text = try Fixtures.bytes(folder.appending(path: "config.json"))
        configuration = try JSONValue(parsing: text).object ?? JSONObject()
        let file = try Fixtures.bytes(folder.appending(path: "model.safetensors"))
        let length = file[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONValue(parsing: Array(file[8..<8 + length])).object ?? JSONObject()
        for member in header.members where member.key != "__metadata__" {
            let offsets = (member.value["data_offsets"]?.array ?? []).compactMap(\.integer)
            tensors[member.key] = Tensor(
                type: member.value["dtype"]?.string ?? "",
                shape: (member.value["shape"]?.array ?? []).compactMap(\.integer),
                bytes: Array(file[8 + length + offsets[0]..<8 + length + offsets[1]]))
        }
    }

    /// A member of `quantization_config`; nil removes it.
    mutating func describe(_ key: String, _ value: JSONValue?) {
        var description = configuration["quantization_config"]?.object ?? JSONObject()
        description[key] = value
        configuration["quantization_config"] = .object(description)
    }

    /// Gives a tensor another first size, with as many bytes of each row.
    mutating func resize(_ name: String, to shape: [Int]) {
        guard let tensor = tensors[name] else { return }
        let old = max(1, tensor.shape.reduce(1, *))
        let count = tensor.bytes.count / old * shape.reduce(1, *)
        let bytes = (0..<count).map { tensor.bytes[$0 % tensor.bytes.count] }
        tensors[name] = Tensor(type: tensor.type, shape: shape, bytes: bytes)
    }

    /// Sets an element of 32 bits.
    mutating func set(_ name: String, at index: Int, to value: Int32) {
        for byte in 0..<4 {
            tensors[name]?.bytes[index * 4 + byte] = UInt8(truncatingIfNeeded: value >> Int32(8 * byte))
        }
    }

    mutating func rename(_ change: (String) -> String) {
        tensors = Dictionary(uniqueKeysWithValues: tensors.map { (change($0.key), $0.value) })
    }

    /// - Parameter cut: bytes that the file lacks at its end.
    func write(cut: Int = 0) throws -> TestCheckpoint {
        let checkpoint = try TestCheckpoint()
        try checkpoint.write("config.json", JSONValue.object(configuration).serialized())
        var header: [String] = []
        var data: [UInt8] = []
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            let range = "[\(data.count),\(data.count + tensor.bytes.count)]"
            header.append("\"\(name)\":{\"dtype\":\"\(tensor.type)\",\"shape\":\(tensor.shape),\"data_offsets\":\(range)}")
            data += tensor.bytes
        }
        let text = "{\(header.joined(separator: ","))}"
        try checkpoint.write(
            "model.safetensors", TestCheckpoint.safetensors(header: text, data: Array(data.dropLast(cut))))
        return checkpoint
    }
}
