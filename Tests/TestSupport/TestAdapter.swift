package import MoedCore

/// An adapter as PEFT saves it, with random factors, to be changed and written.
package struct TestAdapter {
    package struct Tensor {
        package var shape: [Int]
        package var values: [Float]

        package init(shape: [Int], values: [Float]) {
            self.shape = shape
            self.values = values
        }
    }

    package var configuration = JSONObject([("peft_type", "LORA"), ("r", 4), ("lora_alpha", 8)])
    package var tensors: [String: Tensor] = [:]

    package init() {}

    /// - Parameter modules: matrices that change, such as `model.layers.0.self_attn.q_proj`, each with outputs and
    ///   inputs.
    package init(_ modules: [(name: String, outputs: Int, inputs: Int)], rank: Int = 4, seed: UInt64 = 1, scale: Float = 0.2) {
        var random = SplitMix(seed: seed)
        for (name, outputs, inputs) in modules {
            for (letter, shape) in [("A", [rank, inputs]), ("B", [outputs, rank])] {
                tensors["base_model.model.\(name).lora_\(letter).weight"] = Tensor(
                    shape: shape, values: random.floats(shape[0] * shape[1]).map { $0 * scale })
            }
        }
    }

    /// Changes queries and values of the sample model's layers.
    package static func ofSampleModel(seed: UInt64) -> TestAdapter {
        TestAdapter(
            (0..<6).flatMap { layer in
                [
                    ("model.layers.\(layer).self_attn.q_proj", 128, 128),
                    ("model.layers.\(layer).self_attn.v_proj", 64, 128),
                ]
            }, rank: 3 + Int(seed % 5), seed: seed, scale: 0.6)
    }

    /// - Returns: the path.
    @discardableResult
    package func write(to folder: TemporaryFolder, _ name: String) throws -> String {
        try folder.createFolder(name)
        try folder.write("\(name)/adapter_config.json", Array(JSONValue.object(configuration).serialized().utf8))
        let named = tensors.sorted { $0.key < $1.key }.map { (name: $0.key, shape: $0.value.shape) }
        let bytes = TestCheckpoint.safetensors(named) { tensors[$0]?.values[$1] ?? 0 }
        try folder.write("\(name)/adapter_model.safetensors", bytes)
        return folder.path(name)
    }
}
