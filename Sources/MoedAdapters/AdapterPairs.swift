import MoedCore
import MoedWeights

/// The pairs of factors in an adapter's file, by module.
struct AdapterPairs {
    /// A and B as they are stored.
    struct Pair {
        var a: TensorEntry
        var b: TensorEntry
    }

    /// By the name of the module in the base: `model.layers.0.self_attn.q_proj`, of fused experts
    /// `model.layers.0.mlp.experts` and `model.layers.0.mlp.experts.base_layer`.
    let pairs: [String: Pair]

    private static let beginning = "base_model.model."
    /// Stands in place of `model.` in the text part of a model with images.
    private static let textPart = "model.language_model."

    /// - Throws: `EngineError(.badCheckpoint)` for a factor without its other one, `(.unsupportedModel)` for tensors
    ///   that are no factors.
    init(_ files: AdapterFiles) throws(EngineError) {
        var found: [String: (a: TensorEntry?, b: TensorEntry?)] = [:]
        for entry in files.tensors {
            guard let (module, letter) = Self.parse(entry.name) else {
                throw EngineError(.unsupportedModel, files.error(entry, Self.kind(of: entry.name)).message)
            }
            let known = found[module]
            guard (letter == "A" ? known?.a : known?.b) == nil else {
                throw files.error(entry, "is the second factor \(letter) of \(module)")
            }
            found[module] = letter == "A" ? (entry, known?.b) : (known?.a, entry)
        }
        var pairs: [String: Pair] = [:]
        for (module, factors) in found {
            guard let a = factors.a, let b = factors.b else {
                guard let one = factors.a ?? factors.b else { continue }
                throw files.error(one, "has no partner: lora_\(factors.a == nil ? "A" : "B") of the module is missing")
            }
            pairs[module] = Pair(a: a, b: b)
        }
        guard !pairs.isEmpty else {
            throw EngineError(.badCheckpoint, "\(files.file.path) holds no tensors: the adapter changes nothing")
        }
        self.pairs = pairs
    }

    /// `base_model.model.M.lora_A.weight`, in files made by hand also `M.lora_A.NAME.weight`.
    private static func parse(_ name: String) -> (module: String, letter: Character)? {
        var parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard name.hasPrefix(beginning), parts.popLast() == "weight" else { return nil }
        let isFactor = { (part: Substring) in part == "lora_A" || part == "lora_B" }
        if let last = parts.last, !isFactor(last) { parts.removeLast() }
        guard let factor = parts.popLast(), isFactor(factor), let letter = factor.last, parts.count > 2 else {
            return nil
        }
        let module = parts.dropFirst(2).joined(separator: ".")
        guard module.hasPrefix(textPart) else { return (module, letter) }
        return ("model." + module.dropFirst(textPart.count), letter)
    }

    private static func kind(of name: String) -> String {
        if name.contains("lora_magnitude_vector") { return "belongs to DoRA, which is not supported" }
        if name.contains("lora_embedding_") { return "changes the embedding, which is not supported" }
        if name.hasSuffix(".bias") { return "is a bias, which is not supported" }
        if name.hasPrefix(beginning) {
            return "is a whole module (modules_to_save), which is not supported: merge the adapter into its base first"
        }
        return "is no factor of a PEFT adapter: names begin with \(beginning) and end with lora_A.weight or "
            + "lora_B.weight"
    }
}
