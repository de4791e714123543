package import MoedCore

/// A checked `config.json` of a Qwen3 or Qwen3-MoE model.
package struct ModelConfiguration: Sendable, Equatable {
    package enum Architecture: String, Sendable {
        case dense = "Qwen3ForCausalLM"
        case mixtureOfExperts = "Qwen3MoeForCausalLM"
    }

    /// The expert layers of a mixture-of-experts model.
    package struct Experts: Sendable, Equatable {
        package var count: Int
        /// Experts each token is sent to.
        package var perToken: Int
        package var intermediate: Int
        /// True divides the chosen experts' weights by their sum (`norm_topk_prob`).
        package var renormalises: Bool
        /// Layer l is sparse when (l + 1) is a multiple of `step` and l is not in `denseLayers`.
        package var step: Int
        package var denseLayers: Set<Int>
    }

    /// Far beyond any Qwen3 model, and small enough that no product of them overflows.
    package enum Limit {
        static let layers = 1024
        static let hidden = 1 << 17
        static let intermediate = 1 << 20
        static let heads = 4096
        static let headDim = 256
        static let vocabulary = 1 << 24
        static let experts = 1 << 14
        package static let contextLength = 1 << 26
    }

    package var architecture: Architecture
    package var vocabulary: Int
    package var hidden: Int
    package var layers: Int
    package var heads: Int
    package var keyValueHeads: Int
    package var headDim: Int
    /// Width of dense feed-forward layers.
    package var intermediate: Int
    package var experts: Experts?
    package var normEpsilon: Float
    package var rotary: RotaryParameters
    /// Longest sequence: `max_position_embeddings`, or what YaRN extends it to.
    package var contextLength: Int
    /// True when the output matrix is the embedding.
    package var tiedEmbeddings: Bool
    package var eosTokenIDs: [TokenID]
    /// Members passed over and defaults taken, one sentence each.
    package var remarks: [String] = []

    package func isSparse(layer: Int) -> Bool {
        guard let experts else { return false }
        return (layer + 1) % experts.step == 0 && !experts.denseLayers.contains(layer)
    }
}
