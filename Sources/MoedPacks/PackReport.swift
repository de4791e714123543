package import MoedWeights

/// The errors of packed weights, tensor by tensor.
package struct PackReport: Sendable {
    package struct Tensor: Sendable, Equatable {
        package var name: String
        package var format: WeightFormat
        package var weights: Int
        /// Σ (weight − packed weight)²; 0 unless errors were measured.
        package var squaredError: Double
        /// Σ weight²; 0 unless errors were measured.
        package var squaredWeights: Double

        package init(name: String, format: WeightFormat, weights: Int, squaredError: Double, squaredWeights: Double) {
            self.name = name
            self.format = format
            self.weights = weights
            self.squaredError = squaredError
            self.squaredWeights = squaredWeights
        }

        /// √(Σ (weight − packed)² / Σ weight²).
        package var relativeError: Double {
            squaredWeights > 0 ? (squaredError / squaredWeights).squareRoot() : 0
        }

        /// The name that tensors of the same part in every layer share: `self_attn.q_proj`, `mlp.experts.up_proj`.
        package var tensorClass: String {
            let words = name.split(separator: ".").filter {
                Int($0) == nil && $0 != "model" && $0 != "layers"
            }
            return words.dropLast(words.last == "weight" ? 1 : 0).joined(separator: ".")
        }
    }

    /// In the order of the pack.
    package private(set) var tensors: [Tensor] = []
    /// Bytes of the weight files.
    package var byteCount = 0

    package init() {}

    /// Adds some rows of a tensor; rows of one tensor follow each other.
    package mutating func add(_ rows: Tensor) {
        guard tensors.last?.name == rows.name else { return tensors.append(rows) }
        tensors[tensors.count - 1].weights += rows.weights
        tensors[tensors.count - 1].squaredError += rows.squaredError
        tensors[tensors.count - 1].squaredWeights += rows.squaredWeights
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
