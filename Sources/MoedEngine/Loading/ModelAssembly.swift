import MoedCore
import MoedWeights

/// Gives a model its weights' places in memory, from a checkpoint or a pack; the weights are filled in later.
protocol WeightSource: AnyObject {
    var configuration: ModelConfiguration { get }
    /// Bytes of all places given out.
    var byteCount: Int { get }

    /// The matrix `name.weight` `[outputs, inputs]`.
    func matrix(
        _ name: String, _ outputs: Int, _ inputs: Int, _ role: WeightRole
    ) throws(EngineError) -> PackedMatrix
    /// The three matrices of one expert, side by side.
    func expert(_ name: String, intermediate: Int) throws(EngineError) -> FeedForwardWeights
    /// The values of `name.weight` `[count]`.
    func vector(_ name: String, _ count: Int) throws(EngineError) -> [Float]
}

/// What decides a matrix's format.
enum WeightRole {
    case dense
    /// Has eight bits where the others have four: a token's row is looked up, which costs no time, and what is wrong in
    /// it goes through every layer. Where embeddings are tied this is the output matrix too.
    case embedding
    /// The router is never quantised: it is small, and a wrong expert costs more than a wrong weight.
    case router

    /// The format of such a matrix.
    ///
    /// - Parameter dense: as asked for, of all but experts.
    func format(dense: WeightFormat) -> WeightFormat {
        switch (self, dense) {
        case (.router, _): .bf16
        case (.embedding, .int4(let group)): .int8(group: group)
        default: dense
        }
    }
}

/// Which weights a model has and what they are called in a checkpoint.
struct ModelAssembly<Source: WeightSource> {
    let source: Source

    func model() throws(EngineError) -> Qwen3Model {
        let c = source.configuration
        let embedding = try source.matrix("model.embed_tokens", c.vocabulary, c.hidden, .embedding)
        let output =
            c.tiedEmbeddings ? embedding : try source.matrix("lm_head", c.vocabulary, c.hidden, .dense)
        var layers: [Qwen3Model.Layer] = []
        for layer in 0..<c.layers { layers.append(try self.layer(layer)) }
        let finalNorm = try source.vector("model.norm", c.hidden)
        return Qwen3Model(
            configuration: c, embedding: embedding, layers: layers, finalNorm: finalNorm, output: output,
            inverseFrequencies: c.rotary.inverseFrequencies(headDim: c.headDim),
            weightByteCount: source.byteCount)
    }

    private func layer(_ layer: Int) throws(EngineError) -> Qwen3Model.Layer {
        let c = source.configuration
        let name = "model.layers.\(layer)"
        let attention = Qwen3Model.Attention(
            query: try source.matrix("\(name).self_attn.q_proj", c.heads * c.headDim, c.hidden, .dense),
            key: try source.matrix("\(name).self_attn.k_proj", c.keyValueHeads * c.headDim, c.hidden, .dense),
            value: try source.matrix(
                "\(name).self_attn.v_proj", c.keyValueHeads * c.headDim, c.hidden, .dense),
            output: try source.matrix("\(name).self_attn.o_proj", c.hidden, c.heads * c.headDim, .dense),
            queryNorm: try source.vector("\(name).self_attn.q_norm", c.headDim),
            keyNorm: try source.vector("\(name).self_attn.k_norm", c.headDim))
        return Qwen3Model.Layer(
            attentionNorm: try source.vector("\(name).input_layernorm", c.hidden), attention: attention,
            feedForwardNorm: try source.vector("\(name).post_attention_layernorm", c.hidden),
            feedForward: try feedForward("\(name).mlp", layer))
    }

    private func feedForward(_ name: String, _ layer: Int) throws(EngineError) -> Qwen3Model.FeedForward {
        let c = source.configuration
        guard let experts = c.experts, c.isSparse(layer: layer) else {
            return .dense(
                FeedForwardWeights(
                    gate: try source.matrix("\(name).gate_proj", c.intermediate, c.hidden, .dense),
                    up: try source.matrix("\(name).up_proj", c.intermediate, c.hidden, .dense),
                    down: try source.matrix("\(name).down_proj", c.hidden, c.intermediate, .dense)))
        }
        let router = try source.matrix("\(name).gate", experts.count, c.hidden, .router)
        var networks: [FeedForwardWeights] = []
        for expert in 0..<experts.count {
            networks.append(
                try source.expert("\(name).experts.\(expert)", intermediate: experts.intermediate))
        }
        return .sparse(router: router, experts: networks)
    }
}
