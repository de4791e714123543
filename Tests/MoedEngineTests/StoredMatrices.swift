import MoedCore
import MoedWeights

/// A matrix of a model by the name that the engine asks for.
struct StoredMatrix {
    var name: String
    var shape: MatrixShape
}

extension Checkpoint {
    /// All matrices of the model.
    var matrices: [StoredMatrix] {
        let (c, shape) = (configuration, configuration.shape)
        var all = [StoredMatrix(name: "model.embed_tokens", shape: shape.embedding)]
        if !c.tiedEmbeddings { all.append(StoredMatrix(name: "lm_head", shape: shape.embedding)) }
        for layer in 0..<c.layers {
            let name = "model.layers.\(layer)"
            for (matrix, size) in [
                ("q", shape.attention.query), ("k", shape.attention.keyValue), ("v", shape.attention.keyValue),
                ("o", shape.attention.output),
            ] { all.append(StoredMatrix(name: "\(name).self_attn.\(matrix)_proj", shape: size)) }
            guard c.isSparse(layer: layer), let expert = shape.expert, let router = shape.router else {
                all += shape.dense.matrices.map { StoredMatrix(name: "\(name).mlp.\($0.name)", shape: $0.shape) }
                continue
            }
            all.append(StoredMatrix(name: "\(name).mlp.gate", shape: router))
            for number in 0..<shape.expertsPerLayer {
                all += expert.matrices.map {
                    StoredMatrix(name: "\(name).mlp.experts.\(number).\($0.name)", shape: $0.shape)
                }
            }
        }
        return all
    }

    /// Bit patterns of some rows of a matrix.
    func bits(_ matrix: StoredMatrix, _ rows: Range<Int>? = nil) throws(EngineError) -> [UInt32] {
        let source = try naming.matrix(matrix.name, matrix.shape, in: self)
        let range = rows ?? 0..<matrix.shape.outputs
        var values = [Float](repeating: .nan, count: range.count * matrix.shape.inputs)
        try source.rows(range, into: &values)
        return values.map(\.bitPattern)
    }
}
