package import MoedWeights

/// What packing did to the weights, tensor by tensor.
package struct PackReport: Sendable {
    package struct Tensor: Sendable, Equatable {
        package var name: String
        package var format: WeightFormat
        package var weights: Int
        /// Σ (weight − packed weight)²; 0 unless errors were measured.
        package var squaredError: Double
        /// Σ weight²; 0 unless errors were measured, and of unquantised tensors, which are exact.
        package var squaredWeights: Double

        /// √(Σ (weight − packed)² / Σ weight²).
        package var relativeError: Double {
            squaredWeights > 0 ? (squaredError / squaredWeights).squareRoot() : 0
        }

        /// What tensors of the same part in every layer share: `self_attn.q_proj`, `mlp.experts.up_proj`.
        package var tensorClass: String {
            let words = name.split(separator: ".").filter {
                Int($0) == nil && $0 != "model" && $0 != "layers"
            }
            return words.dropLast(words.last == "weight" ? 1 : 0).joined(separator: ".")
        }
    }

    /// In the order of the pack.
    package private(set) var tensors: [Tensor] = []
    /// Of the weight files.
    package var byteCount = 0

    package init() {}

    mutating func add(_ tensor: CheckpointWeights.Tensor, _ rows: Int, _ sums: PanelMaker.ErrorSums) {
        if tensors.last?.name != tensor.entry.name {
            tensors.append(
                Tensor(
                    name: tensor.entry.name, format: tensor.matrix.format, weights: 0, squaredError: 0,
                    squaredWeights: 0))
        }
        tensors[tensors.count - 1].weights += rows * tensor.matrix.inputs
        tensors[tensors.count - 1].squaredError += sums.error
        tensors[tensors.count - 1].squaredWeights += sums.weights
    }

    /// One row for all tensors of a class and format, and the worst of them.
    package var classes: [(total: Tensor, tensors: Int, worst: Tensor)] {
        var rows: [(total: Tensor, tensors: Int, worst: Tensor)] = []
        for tensor in tensors {
            let name = tensor.tensorClass
            guard
                let row = rows.firstIndex(where: { $0.total.name == name && $0.total.format == tensor.format }
                )
            else {
                var total = tensor
                total.name = name
                rows.append((total, 1, tensor))
                continue
            }
            rows[row].total.weights += tensor.weights
            rows[row].total.squaredError += tensor.squaredError
            rows[row].total.squaredWeights += tensor.squaredWeights
            rows[row].tensors += 1
            if tensor.relativeError > rows[row].worst.relativeError { rows[row].worst = tensor }
        }
        return rows
    }
}
