package import MoedCore
package import MoedWeights

/// A LoRA adapter as PEFT saves it, checked against the model that it is added to. Its factors are read when asked for.
package struct Adapter: Sendable {
    package let path: String
    /// Digest of the factors and of their scales.
    package let digest: Digest
    /// By the name of the matrix that each is added to, e.g. `model.layers.0.self_attn.q_proj`.
    package let factors: [String: LowRankFactors]

    /// Reads configuration and headers.
    ///
    /// - Throws: `EngineError` naming file, tensor or member, and reason; also when the adapter belongs to another
    ///   model.
    package static func open(_ path: String, for model: ModelConfiguration) throws(EngineError) -> Adapter {
        try DirectoryContents.requireDirectory(path)
        let configuration = try AdapterConfiguration(directory: path)
        let files = try AdapterFiles(directory: path)
        let fit = AdapterFit(model, base: configuration.base, files: files)
        var factors: [String: LowRankFactors] = [:]
        for (module, pair) in try AdapterPairs(files).pairs {
            let found =
                if fit.isFused(module) {
                    try FusedFactors(module, pair, fit, configuration).all()
                } else {
                    [module: try Self.plain(module, pair, fit, configuration)]
                }
            for (name, one) in found {
                guard factors.updateValue(one, forKey: name) == nil else {
                    throw files.error(pair.a, "changes \(name), which another tensor changes too")
                }
            }
        }
        let scales = factors.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.scale)" }
        let digest = Digest(parts: [try files.digest(), Digest(Array(scales.joined(separator: "\n").utf8))])
        return Adapter(path: path, digest: digest, factors: factors)
    }

    private static func plain(
        _ module: String, _ pair: AdapterPairs.Pair, _ fit: AdapterFit, _ configuration: AdapterConfiguration
    ) throws(EngineError) -> LowRankFactors {
        let (a, b) = (try fit.files.matrix(pair.a), try fit.files.matrix(pair.b))
        let shape = try fit.shape(of: module, pair.a)
        let rank = a.shape.outputs
        guard b.shape.inputs == rank else {
            throw b.error("has \(b.shape.inputs) columns, and its lora_A has \(rank) rows")
        }
        guard a.shape.inputs == shape.inputs, b.shape.outputs == shape.outputs else {
            throw fit.otherBase(
                pair.a, "changes a matrix of \(b.shape.outputs) × \(a.shape.inputs), and the model's \(module) has "
                    + "\(shape.outputs) × \(shape.inputs)")
        }
        return LowRankFactors(
            shape: shape, rank: rank, scale: configuration.scale(of: module, rank: rank), a: FactorPart(a),
            b: FactorPart(b))
    }

    /// Bytes of all factors in f32.
    package var byteCount: Int {
        factors.values.reduce(0) { $0 + 4 * $1.rank * ($1.shape.inputs + $1.shape.outputs) }
    }
}

/// An adapter and the model name that jobs ask for it by.
package struct NamedAdapter: Sendable {
    package let name: String
    package let adapter: Adapter

    package init(name: String, adapter: Adapter) {
        self.name = name
        self.adapter = adapter
    }
}
