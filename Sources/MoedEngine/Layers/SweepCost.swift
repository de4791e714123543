package import MoedWeights

/// The least work of a sweep, from the shapes, for comparison with the machine's peaks.
package struct SweepCost: Sendable, Equatable {
    /// Products with quantised weights.
    package struct Products: Sendable, Equatable {
        /// A multiply-add is two.
        package var operations = 0.0
        /// Weights that take part in at least one of them.
        package var weights = 0.0
        /// Sums of a group's products that are scaled.
        package var scalings = 0.0

        package init(operations: Double = 0, weights: Double = 0, scalings: Double = 0) {
            self.operations = operations
            self.weights = weights
            self.scalings = scalings
        }

        fileprivate static func += (sum: inout Products, more: Products) {
            sum.operations += more.operations
            sum.weights += more.weights
            sum.scalings += more.scalings
        }
    }

    package var int8 = Products()
    package var int4 = Products()
    /// Operations with bf16 weights.
    package var bf16Operations = 0.0
    /// With f32 weights, and of attention.
    package var f32Operations = 0.0
    /// Bytes that must be read: each weight needed once, keys and values.
    package var bytes = 0.0

    package var operations: Double { integerOperations + bf16Operations + f32Operations }
    /// Those that instructions for 8-bit integers do.
    package var integerOperations: Double { int8.operations + int4.operations }

    package init() {}

    package static func + (a: SweepCost, b: SweepCost) -> SweepCost {
        var sum = a
        sum.int8 += b.int8
        sum.int4 += b.int4
        sum.bf16Operations += b.bf16Operations
        sum.f32Operations += b.f32Operations
        sum.bytes += b.bytes
        return sum
    }

    /// - Parameters:
    ///   - rows: rows of activations.
    ///   - share: so many such matrices share the rows and are read.
    fileprivate mutating func multiply(_ matrix: PackedMatrix, rows: Double, share: Double = 1) {
        let weights = Double(matrix.inputs) * Double(matrix.outputs)
        let operations = 2 * rows * weights
        func products(_ group: Int) -> Products {
            Products(
                operations: operations, weights: share * weights, scalings: rows * weights / Double(group))
        }
        switch matrix.format {
        case .int8(let group): int8 += products(group)
        case .int4(let group): int4 += products(group)
        case .kept(let kept) where kept.bits == 4: int4 += products(kept.group)
        case .kept(let kept): int8 += products(kept.group)
        case .keep: preconditionFailure("a wish is no format")
        case .bf16: bf16Operations += operations
        case .f32: f32Operations += operations
        }
        bytes += share * Double(matrix.byteCount)
    }

    fileprivate mutating func multiply(_ weights: FeedForwardWeights, rows: Double, share: Double = 1) {
        for matrix in weights.matrices { multiply(matrix, rows: rows, share: share) }
    }
}

extension Qwen3Model {
    /// The layers' part of a sweep.
    ///
    /// - Parameters:
    ///   - rows: tokens in it.
    ///   - visible: tokens that its rows attend to, summed over the rows.
    ///   - cached: tokens whose keys and values are read, each sequence's counted once.
    ///   - keyValueBytes: of one token in all layers.
    ///   - kv: their format. With int8 a product of scores takes one byte product, one of values two.
    package func layersCost(
        rows: Int, visible: Int, cached: Int, keyValueBytes: Double, kv: KVFormat
    ) -> SweepCost {
        var cost = SweepCost()
        let tokens = Double(rows)
        for layer in layers {
            let attention = layer.attention
            for matrix in [attention.query, attention.key, attention.value, attention.output] {
                cost.multiply(matrix, rows: tokens)
            }
            switch layer.feedForward {
            case .dense(let network): cost.multiply(network, rows: tokens)
            case .sparse(let router, let experts):
                cost.multiply(router, rows: tokens)
                guard let first = experts.first, let kind = configuration.experts else { continue }
                cost.multiply(
                    first, rows: tokens * Double(kind.perToken), share: Self.expertsUsed(kind, rows: rows))
            }
        }
        let shape = configuration.shape
        let width = Double(shape.attention.queryWidth * shape.layers)
        if kv == .int8 {
            cost.int8.operations += 6 * width * Double(visible)
        } else {
            cost.f32Operations += 4 * width * Double(visible)
        }
        cost.bytes += keyValueBytes * Double(cached)
        return cost
    }

    /// The output matrix for so many rows.
    package func outputCost(rows: Int) -> SweepCost {
        var cost = SweepCost()
        if rows > 0 { cost.multiply(output, rows: Double(rows)) }
        return cost
    }

    /// Experts of a layer that so many tokens are sent to, when each chooses independently.
    package static func expertsUsed(_ experts: ModelConfiguration.Experts, rows: Int) -> Double {
        let missed = 1 - Double(experts.perToken) / Double(experts.count)
        var none = 1.0
        for _ in 0..<rows where none > 1e-12 { none *= missed }
        return Double(experts.count) * (1 - none)
    }
}
