import Foundation
package import MoedCore

/// A checkpoint written to a temporary folder, to be damaged.
package final class TestCheckpoint {
    private let folder: URL
    package var path: String { folder.path }

    package init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "moed-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit {
        do { try FileManager.default.removeItem(at: folder) } catch {
            print("left behind: \(folder.path): \(error)")
        }
    }

    package func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: folder.appending(path: name))
    }

    package func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: folder.appending(path: name))
    }

    package func truncate(_ name: String, to count: Int) throws {
        let handle = try FileHandle(forWritingTo: folder.appending(path: name))
        try handle.truncate(atOffset: UInt64(count))
        try handle.close()
    }

    /// The smallest valid configuration, some fields replaced (nil removes one).
    package func writeConfiguration(_ changes: [(String, JSONValue?)] = []) throws {
        var object = JSONObject(Self.configuration)
        for (key, value) in changes { object[key] = value }
        try write("config.json", JSONValue.object(object).serialized())
    }

    package static let configuration: [(String, JSONValue)] = [
        ("architectures", ["Qwen3MoeForCausalLM"]), ("vocab_size", 4), ("hidden_size", 2),
        ("num_hidden_layers", 1),
        ("num_attention_heads", 1), ("num_key_value_heads", 1), ("head_dim", 2), ("intermediate_size", 3),
        ("rms_norm_eps", 1e-6), ("rope_theta", 10000), ("max_position_embeddings", 64), ("num_experts", 2),
        ("num_experts_per_tok", 1), ("moe_intermediate_size", 3), ("norm_topk_prob", true),
        ("hidden_act", "silu"),
        ("tie_word_embeddings", true),
    ]

    /// The tensors that `configuration` asks for.
    package static var tensors: [(name: String, shape: [Int])] {
        let layer = "model.layers.0"
        var all = [
            ("model.embed_tokens.weight", [4, 2]), ("model.norm.weight", [2]),
            ("\(layer).input_layernorm.weight", [2]), ("\(layer).post_attention_layernorm.weight", [2]),
            ("\(layer).self_attn.q_norm.weight", [2]), ("\(layer).self_attn.k_norm.weight", [2]),
            ("\(layer).mlp.gate.weight", [2, 2]),
        ]
        for name in ["q", "k", "v", "o"] { all.append(("\(layer).self_attn.\(name)_proj.weight", [2, 2])) }
        for expert in 0..<2 {
            all.append(("\(layer).mlp.experts.\(expert).gate_proj.weight", [3, 2]))
            all.append(("\(layer).mlp.experts.\(expert).up_proj.weight", [3, 2]))
            all.append(("\(layer).mlp.experts.\(expert).down_proj.weight", [2, 3]))
        }
        return all
    }

    /// A safetensors file of a header as given and `data`.
    package static func safetensors(header: String, data: [UInt8] = []) -> [UInt8] {
        let length = header.utf8.count
        return (0..<8).map { UInt8(length >> (8 * $0) & 0xFF) } + Array(header.utf8) + data
    }

    /// All tensors as f32, element i of each being `value(name, i)`.
    package static func safetensors(
        _ tensors: [(name: String, shape: [Int])] = tensors,
        value: (String, Int) -> Float = { _, i in Float(i) / 8 }
    ) -> [UInt8] {
        var header: [String] = []
        var data: [UInt8] = []
        for (name, shape) in tensors {
            let start = data.count
            for index in 0..<shape.reduce(1, *) {
                let bits = value(name, index).bitPattern
                for shift in [0, 8, 16, 24] as [UInt32] {
                    data.append(UInt8(truncatingIfNeeded: bits >> shift))
                }
            }
            header.append(
                "\"\(name)\":{\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":[\(start),\(data.count)]}"
            )
        }
        return safetensors(header: "{\(header.joined(separator: ","))}", data: data)
    }
}
