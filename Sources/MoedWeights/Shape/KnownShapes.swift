extension ModelConfiguration {
    /// Shapes of the published Qwen3 models, as in the technical report (arXiv 2505.09388, tables 1 and 2) and
    /// the checkpoints' `config.json`.
    package static let knownShapes: [(name: String, shape: ModelConfiguration)] = [
        ("qwen3-0.6b", dense(layers: 28, hidden: 1024, heads: 16, intermediate: 3072, tied: true)),
        ("qwen3-1.7b", dense(layers: 28, hidden: 2048, heads: 16, intermediate: 6144, tied: true)),
        ("qwen3-4b", dense(layers: 36, hidden: 2560, heads: 32, intermediate: 9728, tied: true)),
        ("qwen3-8b", dense(layers: 36, hidden: 4096, heads: 32, intermediate: 12288, tied: false)),
        ("qwen3-14b", dense(layers: 40, hidden: 5120, heads: 40, intermediate: 17408, tied: false)),
        ("qwen3-32b", dense(layers: 64, hidden: 5120, heads: 64, intermediate: 25600, tied: false)),
        ("qwen3-30b-a3b", sparse(layers: 48, hidden: 2048, heads: 32, intermediate: 6144, expert: 768)),
        ("qwen3-235b-a22b", sparse(layers: 94, hidden: 4096, heads: 64, intermediate: 12288, expert: 1536)),
    ]

    private static func dense(
        layers: Int, hidden: Int, heads: Int, intermediate: Int, tied: Bool
    ) -> ModelConfiguration {
        ModelConfiguration(
            architecture: .dense, vocabulary: 151_936, hidden: hidden, layers: layers, heads: heads,
            keyValueHeads: 8, headDim: 128, intermediate: intermediate, experts: nil, normEpsilon: 1e-6,
            rotary: RotaryParameters(base: 1e6), contextLength: 40_960, tiedEmbeddings: tied,
            eosTokenIDs: [151_645])
    }

    private static func sparse(
        layers: Int, hidden: Int, heads: Int, intermediate: Int, expert: Int
    ) -> ModelConfiguration {
        var shape = dense(
            layers: layers, hidden: hidden, heads: heads, intermediate: intermediate, tied: false)
        shape.architecture = .mixtureOfExperts
        shape.keyValueHeads = 4
        shape.experts = Experts(
            count: 128, perToken: 8, intermediate: expert, renormalises: true, step: 1, denseLayers: [])
        return shape
    }
}
