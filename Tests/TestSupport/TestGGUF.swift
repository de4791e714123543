/// A GGUF file that a test makes, to be damaged.
package struct TestGGUF {
    package enum Value {
        case u8(UInt8)
        case u32(UInt32)
        case i32(Int32)
        case u64(UInt64)
        case f32(Float)
        case bool(Bool)
        case text(String)
        case texts([String])
        case numbers([Int32])
        /// A type and bytes as given.
        case raw(UInt32, [UInt8])
    }

    package struct Tensor {
        package var name: String
        /// Innermost first.
        package var sizes: [UInt64]
        package var type: UInt32
        package var bytes: [UInt8]
        /// Offset in the header, if it lies.
        package var offset: UInt64?

        package init(_ name: String, _ sizes: [UInt64], type: UInt32 = 0, bytes: [UInt8]? = nil) {
            self.name = name
            self.sizes = sizes
            self.type = type
            self.bytes = bytes ?? [UInt8](repeating: 0, count: Int(sizes.reduce(4, *)))
        }
    }

    package var magic = "GGUF"
    package var version: UInt32 = 3
    package var values: [(String, Value)]
    package var tensors: [Tensor]
    /// Counts in the header, if they lie.
    package var valueCount: UInt64?
    package var tensorCount: UInt64?

    /// The smallest valid model: one layer with two experts, f32.
    package init() {
        values = [
            ("general.architecture", .text("qwen3moe")), ("qwen3moe.context_length", .u32(64)),
            ("qwen3moe.embedding_length", .u32(2)), ("qwen3moe.block_count", .u32(1)),
            ("qwen3moe.attention.head_count", .u32(1)), ("qwen3moe.attention.head_count_kv", .u64(1)),
            ("qwen3moe.attention.key_length", .u32(2)), ("qwen3moe.attention.value_length", .u32(2)),
            ("qwen3moe.attention.layer_norm_rms_epsilon", .f32(1e-6)), ("qwen3moe.rope.freq_base", .f32(1e6)),
            ("qwen3moe.expert_count", .u32(2)), ("qwen3moe.expert_used_count", .u32(1)),
            ("qwen3moe.expert_feed_forward_length", .u32(3)), ("tokenizer.ggml.model", .text("gpt2")),
            ("tokenizer.ggml.pre", .text("qwen2")), ("tokenizer.ggml.tokens", .texts(["a", "b", "<|im_end|>", "[PAD3]"])),
            ("tokenizer.ggml.token_type", .numbers([1, 1, 3, 5])), ("tokenizer.ggml.merges", .texts([])),
            ("tokenizer.ggml.eos_token_id", .u32(2)), ("tokenizer.ggml.add_bos_token", .bool(false)),
        ]
        tensors = [
            Tensor("token_embd.weight", [2, 4]), Tensor("output_norm.weight", [2]),
            Tensor("blk.0.attn_norm.weight", [2]), Tensor("blk.0.ffn_norm.weight", [2]),
            Tensor("blk.0.attn_q_norm.weight", [2]), Tensor("blk.0.attn_k_norm.weight", [2]),
            Tensor("blk.0.attn_q.weight", [2, 2]), Tensor("blk.0.attn_k.weight", [2, 2]),
            Tensor("blk.0.attn_v.weight", [2, 2]), Tensor("blk.0.attn_output.weight", [2, 2]),
            Tensor("blk.0.ffn_gate_inp.weight", [2, 2]), Tensor("blk.0.ffn_gate_exps.weight", [2, 3, 2]),
            Tensor("blk.0.ffn_up_exps.weight", [2, 3, 2]), Tensor("blk.0.ffn_down_exps.weight", [3, 2, 2]),
        ]
    }

    /// Exchanges a value; nil removes it.
    package mutating func set(_ key: String, _ value: Value?) {
        let place = values.firstIndex { $0.0 == key }
        switch (place, value) {
        case (let place?, let value?): values[place].1 = value
        case (let place?, nil): values.remove(at: place)
        case (nil, let value?): values.append((key, value))
        case (nil, nil): break
        }
    }

    /// Exchanges the tensor of the same name.
    package mutating func replace(_ tensor: Tensor) {
        for index in tensors.indices where tensors[index].name == tensor.name { tensors[index] = tensor }
    }

    package var bytes: [UInt8] {
        var head = Array(magic.utf8) + Self.number(UInt64(version), 4)
        head += Self.number(tensorCount ?? UInt64(tensors.count), 8) + Self.number(valueCount ?? UInt64(values.count), 8)
        for (key, value) in values { head += Self.text(key) + Self.value(value) }
        var data: [UInt8] = []
        for tensor in tensors {
            head += Self.text(tensor.name) + Self.number(UInt64(tensor.sizes.count), 4)
            head += tensor.sizes.flatMap { Self.number($0, 8) } + Self.number(UInt64(tensor.type), 4)
            head += Self.number(tensor.offset ?? UInt64(data.count), 8)
            data += tensor.bytes + [UInt8](repeating: 0, count: (32 - tensor.bytes.count % 32) % 32)
        }
        return head + [UInt8](repeating: 0, count: (32 - head.count % 32) % 32) + data
    }

    private static func number(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }

    private static func text(_ text: String) -> [UInt8] { number(UInt64(text.utf8.count), 8) + Array(text.utf8) }

    private static func value(_ value: Value) -> [UInt8] {
        switch value {
        case .u8(let value): number(0, 4) + [value]
        case .u32(let value): number(4, 4) + number(UInt64(value), 4)
        case .i32(let value): number(5, 4) + number(UInt64(UInt32(bitPattern: value)), 4)
        case .u64(let value): number(10, 4) + number(value, 8)
        case .f32(let value): number(6, 4) + number(UInt64(value.bitPattern), 4)
        case .bool(let value): number(7, 4) + [value ? 1 : 0]
        case .text(let value): number(8, 4) + text(value)
        case .texts(let values):
            number(9, 4) + number(8, 4) + number(UInt64(values.count), 8) + values.flatMap { text($0) }
        case .numbers(let values):
            number(9, 4) + number(5, 4) + number(UInt64(values.count), 8)
                + values.flatMap { number(UInt64(UInt32(bitPattern: $0)), 4) }
        case .raw(let type, let bytes): number(UInt64(type), 4) + bytes
        }
    }
}
