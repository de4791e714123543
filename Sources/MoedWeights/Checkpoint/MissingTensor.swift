import MoedCore

/// Explains why a checkpoint lacks a tensor: from the names that it has in its place.
enum MissingTensor {
    /// The reason and the way out, to follow "tensor … is missing"; empty when the other names tell nothing.
    ///
    /// - Parameter names: names of all tensors of the checkpoint.
    static func hint(_ name: String, among names: [String]) -> String {
        let module = name.removing(suffix: ".weight")
        let beside = names.filter { $0.utf8.starts(with: "\(module).".utf8) }.sorted()
        for (ending, kind) in quantised {
            if let found = beside.first(where: { $0.has(suffix: ending) }) {
                return ". There is \(found): the weights are quantised (\(kind)), which is not read. "
                    + "Take the model's bf16, FP8, GPTQ or AWQ files; `moed pack` makes them small"
            }
        }
        if let found = beside.first(where: { $0.contains(".base_layer.") || $0.contains(".lora_") }) {
            return ". There is \(found): \(adapter)"
        }
        return prefixHint(name, names)
    }

    private static let quantised = [
        (".weight.absmax", "bitsandbytes"), (".weight.quant_map", "bitsandbytes"), (".SCB", "bitsandbytes"),
        (".W_q", "HQQ"), (".weight_quantized", "an unknown method"), (".scales", "an unknown method"),
    ]

    private static let adapter =
        "an adapter is not merged into the model. Merge it first (PEFT: merge_and_unload(), then save_pretrained())"

    private static let headless =
        ". The model was saved without its output matrix, as embedding models are. Save it with its head "
        + "(AutoModelForCausalLM, then save_pretrained())"

    /// Looks for the same tensor behind another prefix.
    private static func prefixHint(_ name: String, _ names: [String]) -> String {
        let bare = name.removing(prefix: "model.")
        guard let found = names.filter({ $0.has(suffix: bare) }).min(by: { $0.utf8.count < $1.utf8.count })
        else { return name.has(suffix: "lm_head.weight") ? headless : "" }
        let prefix = found.removing(suffix: bare)
        guard prefix.has(suffix: ".") else { return "" }
        if prefix.utf8.starts(with: "base_model.".utf8) {
            return ". There is \(found), with the prefix “\(prefix)” in place of “model.”: \(adapter)"
        }
        return ". There is \(found): names begin with “\(prefix)” in place of “model.”. Save the model anew "
            + "(AutoModelForCausalLM, then save_pretrained())"
    }
}

/// Beginnings and ends of names, compared byte by byte.
extension String {
    fileprivate func has(suffix: String) -> Bool { utf8.reversed().starts(with: suffix.utf8.reversed()) }

    fileprivate func removing(suffix: String) -> String {
        has(suffix: suffix) ? String(decoding: utf8.dropLast(suffix.utf8.count), as: UTF8.self) : self
    }

    fileprivate func removing(prefix: String) -> String {
        guard utf8.starts(with: prefix.utf8) else { return self }
        return String(decoding: utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
    }
}
