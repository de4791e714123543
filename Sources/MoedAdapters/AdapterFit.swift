import MoedCore
import MoedWeights

/// The matrices of the model that an adapter is added to.
struct AdapterFit {
    let model: ModelConfiguration
    let files: AdapterFiles
    private let base: String?
    private let shapes: [String: MatrixShape]

    init(_ model: ModelConfiguration, base: String?, files: AdapterFiles) {
        self.model = model
        self.base = base
        self.files = files
        shapes = Self.shapes(model.shape)
    }

    /// All matrices of layers, by name. Experts have one entry for each layer, since all of them have one shape.
    private static func shapes(_ shape: ModelShape) -> [String: MatrixShape] {
        var all = ["lm_head": shape.embedding]
        for layer in 0..<shape.layers {
            let name = "model.layers.\(layer)"
            all["\(name).self_attn.q_proj"] = shape.attention.query
            all["\(name).self_attn.k_proj"] = shape.attention.keyValue
            all["\(name).self_attn.v_proj"] = shape.attention.keyValue
            all["\(name).self_attn.o_proj"] = shape.attention.output
            let isSparse = shape.sparseIndex[layer] != nil
            if isSparse, let router = shape.router { all["\(name).mlp.gate"] = router }
            let network = isSparse ? shape.expert : shape.dense
            for (part, size) in network?.matrices ?? [] {
                all["\(name).mlp.\(isSparse ? "experts." : "")\(part)"] = size
            }
        }
        return all
    }

    /// True for a module that holds the experts of a layer together.
    func isFused(_ module: String) -> Bool {
        module.hasSuffix(".mlp.experts") || module.hasSuffix(".mlp.experts.base_layer")
    }

    /// - Throws: `EngineError(.badCheckpoint)` when the model has no such matrix.
    func shape(of module: String, _ entry: TensorEntry) throws(EngineError) -> MatrixShape {
        if module == "lm_head", model.tiedEmbeddings {
            throw EngineError(
                .unsupportedModel, files.error(
                    entry, "changes the output matrix, which is the model's embedding too; this is not supported"
                ).message)
        }
        var parts = module.split(separator: ".", omittingEmptySubsequences: false)
        if let at = parts.lastIndex(of: "experts"), at + 2 < parts.count, let number = Int(parts[at + 1]),
            (0..<model.shape.expertsPerLayer).contains(number), "\(number)" == parts[at + 1]
        {
            parts.remove(at: at + 1)
        } else if parts.contains("experts") {
            throw otherBase(entry, "changes \(module), which the model has not")
        }
        guard let shape = shapes[parts.joined(separator: ".")] else {
            throw otherBase(entry, "changes \(module), which the model has not")
        }
        return shape
    }

    /// An error about an adapter of another model.
    func otherBase(_ entry: TensorEntry, _ reason: String) -> EngineError {
        let made = base.map { " It was made for “\($0.prefix(200))”." } ?? ""
        return EngineError(
            .badCheckpoint, files.error(entry, "\(reason): the adapter belongs to another model.\(made)").message)
    }
}
