import MoedCore
import MoedWeights

/// Chooses which matrices keep their codes.
///
/// Matrices that read the same activations need one quant group: query, key and value; gate and up; gates and ups of
/// all experts of a layer. A matrix that is not kept has the group of `WeightFormat.keepFallback`.
final class KeptChoice {
    private static let inputs = [["q_proj", "k_proj", "v_proj"], ["gate_proj", "up_proj"]]

    private let rows: (String, MatrixShape) throws(EngineError) -> any RowSource
    private let shape: ModelShape
    /// Group of the gates and ups of a layer's experts, by the layer's name; nil where they have no common one.
    private var expertGroups: [String: Int?] = [:]
    /// Forms by a matrix's name; finding one reads zero points.
    private var known: [String: KeptFormat?] = [:]

    /// - Parameter rows: finds the rows of a matrix by its name.
    init(_ shape: ModelShape, rows: @escaping (String, MatrixShape) throws(EngineError) -> any RowSource) {
        self.shape = shape
        self.rows = rows
    }

    /// The format of a matrix that is no expert's.
    func format(of source: any RowSource, _ name: String) throws(EngineError) -> WeightFormat {
        guard let kept = try kept(source, name) else { return .keepFallback }
        for others in Self.inputs {
            guard let own = others.first(where: { name.hasSuffix(".\($0)") }) else { continue }
            let prefix = name.dropLast(own.count)
            for other in others where other != own {
                let name = "\(prefix)\(other)"
                guard try group(rows(name, shape(of: other)), name) == kept.group else { return .keepFallback }
            }
        }
        return .kept(kept)
    }

    /// The formats of an expert's gate, up and down.
    ///
    /// - Parameter name: e.g. `model.layers.0.mlp.experts.3`.
    func formats(of sources: [any RowSource], _ name: String) throws(EngineError) -> [WeightFormat] {
        let layer = name.split(separator: ".").dropLast().joined(separator: ".")
        let group: Int?
        if let known = expertGroups[layer] {
            group = known
        } else {
            group = try commonGroup(layer)
            expertGroups[layer] = .some(group)
        }
        var formats: [WeightFormat] = []
        for (index, source) in sources.enumerated() {
            let kept = try kept(source, "\(name).\(shape.expert?.matrices[index].name ?? "")")
            let isKept = index == sources.count - 1 ? kept != nil : kept != nil && group == kept?.group
            formats.append(isKept ? kept.map { .kept($0) } ?? .keepFallback : .keepFallback)
        }
        return formats
    }

    private func commonGroup(_ layer: String) throws(EngineError) -> Int? {
        guard let expert = shape.expert else { return nil }
        var common: Int?
        for number in 0..<shape.expertsPerLayer {
            for matrix in expert.matrices.dropLast() {
                let name = "\(layer).\(number).\(matrix.name)"
                let group = try group(rows(name, matrix.shape), name)
                guard group == common ?? group else { return nil }
                common = group
            }
        }
        return common
    }

    private func kept(_ source: any RowSource, _ name: String) throws(EngineError) -> KeptFormat? {
        if let format = known[name] { return format }
        let format = try (source as? any KeptRows)?.keptFormat()
        known[name] = .some(format)
        return format
    }

    private func group(_ source: any RowSource, _ name: String) throws(EngineError) -> Int? {
        try kept(source, name)?.group ?? WeightFormat.keepFallback.quantGroup
    }

    private func shape(of matrix: String) -> MatrixShape {
        switch matrix {
        case "q_proj": shape.attention.query
        case "k_proj", "v_proj": shape.attention.keyValue
        default: shape.dense.matrices[0].shape
        }
    }
}
