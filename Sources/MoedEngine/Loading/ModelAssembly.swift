import MoedCore
import MoedWeights

/// The weights of a model and their names: walks all of them and asks a source for each.
struct ModelAssembly {
    private let source: any WeightSource
    private let shape: ModelShape

    init(source: any WeightSource) {
        self.source = source
        shape = source.configuration.shape
    }

    func model() throws(EngineError) -> Qwen3Model { try model(layers: 0..<shape.layers) }

    /// A model of some layers between the embedding and the output matrix.
    func model(layers range: Range<Int>) throws(EngineError) -> Qwen3Model {
        let c = source.configuration
        let embedding = try source.matrix("model.embed_tokens", shape.embedding, .embedding)
        let output = c.tiedEmbeddings ? embedding : try source.matrix("lm_head", shape.embedding, .dense)
        var layers: [Qwen3Model.Layer] = []
        for layer in range { layers.append(try self.layer(layer)) }
        let finalNorm = try source.vector("model.norm", shape.hidden)
        return Qwen3Model(
            configuration: c, embedding: embedding, layers: layers, finalNorm: finalNorm, output: output,
            inverseFrequencies: c.rotary.inverseFrequencies(headDim: c.headDim),
            weightByteCount: source.byteCount)
    }

    /// A model of one layer, whose other weights are those of `ends`.
    func model(ofLayer layer: Int, between ends: Qwen3Model) throws(EngineError) -> Qwen3Model {
        let own = try self.layer(layer)
        return Qwen3Model(
            configuration: source.configuration.only(layer: layer), embedding: ends.embedding, layers: [own],
            finalNorm: ends.finalNorm, output: ends.output, inverseFrequencies: ends.inverseFrequencies,
            weightByteCount: source.byteCount)
    }

    private func layer(_ layer: Int) throws(EngineError) -> Qwen3Model.Layer {
        let name = "model.layers.\(layer)"
        let sizes = shape.attention
        let attention = Qwen3Model.Attention(
            query: try source.matrix("\(name).self_attn.q_proj", sizes.query, .dense),
            key: try source.matrix("\(name).self_attn.k_proj", sizes.keyValue, .dense),
            value: try source.matrix("\(name).self_attn.v_proj", sizes.keyValue, .dense),
            output: try source.matrix("\(name).self_attn.o_proj", sizes.output, .attentionOutput),
            queryNorm: try source.vector("\(name).self_attn.q_norm", sizes.headDim),
            keyNorm: try source.vector("\(name).self_attn.k_norm", sizes.headDim))
        return Qwen3Model.Layer(
            attentionNorm: try source.vector("\(name).input_layernorm", shape.hidden), attention: attention,
            feedForwardNorm: try source.vector("\(name).post_attention_layernorm", shape.hidden),
            feedForward: try feedForward("\(name).mlp", layer))
    }

    private func feedForward(_ name: String, _ layer: Int) throws(EngineError) -> Qwen3Model.FeedForward {
        guard shape.sparseIndex[layer] != nil, let router = shape.router, let expert = shape.expert else {
            var matrices: [PackedMatrix] = []
            for (part, size) in shape.dense.matrices {
                matrices.append(try source.matrix("\(name).\(part)", size, .dense))
            }
            return .dense(FeedForwardWeights(matrices))
        }
        let gate = try source.matrix("\(name).gate", router, .router)
        var networks: [FeedForwardWeights] = []
        for number in 0..<shape.expertsPerLayer {
            networks.append(try source.expert("\(name).experts.\(number)", expert))
        }
        return .sparse(router: gate, experts: networks)
    }
}

extension ModelConfiguration {
    /// The configuration of a model that has one of the layers.
    fileprivate func only(layer: Int) -> ModelConfiguration {
        var one = self
        one.layers = 1
        if isSparse(layer: layer) {
            one.experts?.step = 1
            one.experts?.denseLayers = []
        } else {
            one.experts = nil
        }
        return one
    }
}
