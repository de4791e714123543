import MoedCore
import MoedWeights

/// A sparse feed-forward layer, expert by expert: each expert reads its weights once for all rows sent to it.
///
/// Every (token, rank) pair has a place of its own for its expert's output, and a token's places are summed
/// in rank order: in which order experts ran leaves no trace in the result.
final class MixtureOfExperts {
    private let compute: Compute
    private let experts: ModelConfiguration.Experts
    private let logits: RowBuffer<Float>
    private let ids: RowBuffer<Int32>
    private let weights: RowBuffer<Float>
    /// Token of each row of the intermediate buffers, which are ordered by expert, `[1, rows · k]`.
    private let tokens: RowBuffer<Int32>
    /// Place of each such row in `outputs`: token · k + rank.
    private let places: RowBuffer<Int32>
    private let scratch: Compute.Intermediate
    /// Scratch of `bucketByExpert`: place of the next row of each expert, and the experts with rows.
    private var next: [Int]
    private var parts: [Compute.ExpertRows] = []
    /// `[rows · k, hidden]`
    private let outputs: RowBuffer<Float>

    /// - Parameter quantised: true when some of the experts' matrices are.
    init(
        _ experts: ModelConfiguration.Experts, hidden: Int, rowsMax: Int, quantised: Bool, _ compute: Compute
    ) throws(EngineError) {
        self.compute = compute
        self.experts = experts
        let k = experts.perToken
        let pairs = rowsMax * k
        next = [Int](repeating: 0, count: experts.count + 1)
        parts.reserveCapacity(experts.count)
        logits = try RowBuffer(rows: rowsMax, columns: experts.count, purpose: "router logits")
        ids = try RowBuffer(rows: rowsMax, columns: k, purpose: "expert ids")
        weights = try RowBuffer(rows: rowsMax, columns: k, purpose: "expert weights")
        tokens = try RowBuffer(rows: 1, columns: pairs, purpose: "expert rows")
        places = try RowBuffer(rows: 1, columns: pairs, purpose: "expert rows")
        scratch = Compute.Intermediate(
            gate: try ActivationRows(
                rows: pairs, columns: experts.intermediate, quantised: quantised,
                purpose: "expert activations"),
            up: try RowBuffer(rows: pairs, columns: experts.intermediate, purpose: "expert activations"))
        outputs = try RowBuffer(rows: pairs, columns: hidden, purpose: "expert outputs")
    }

    var byteCount: Int {
        logits.byteCount + ids.byteCount + weights.byteCount + tokens.byteCount + places.byteCount
            + scratch.byteCount + outputs.byteCount
    }

    /// A layer's router and experts, which are in memory or read into expert places as they are needed.
    struct Networks {
        /// `[experts, hidden]`
        var router: PackedMatrix
        var experts: [FeedForwardWeights]
        var layer: Int
        /// Source of experts that are not in memory; nil when all of them are.
        var source: (any ExpertSource)?
        var observer: RoutingObserver?
    }

    /// out = Σ over the chosen experts of weight · expert(x); x is quantised if their gate matrices are.
    ///
    /// - Parameter progress: called after each group of streamed experts.
    /// - Throws: the errors of `ExpertSource.next`.
    func run(
        _ x: ActivationRows, _ networks: Networks, into out: RowBuffer<Float>, rows: Int, progress: () -> Void,
        show: (TraceTensor.Name, () -> [Float]) -> Void
    ) throws(EngineError) {
        compute.multiply(x, networks.router, into: logits, rows: rows)
        show(.routerLogits) { logits.copy(rows: rows) }
        compute.route(
            logits, experts: experts.count, ids: ids, weights: weights, renormalise: experts.renormalises,
            rows: rows)
        show(.expertIDs) { ids.copy(rows: rows).map(Float.init) }
        show(.expertWeights) { weights.copy(rows: rows) }
        bucketByExpert(rows: rows)
        networks.observer?(ExpertUse(layer: networks.layer, rows: rows, experts: parts.map(\.expert)))
        if let source = networks.source, !source.isComplete {
            try stream(x, networks, from: source, progress)
        } else {
            compute.feedForward(x, networks.experts, parts, route, scratch: scratch, into: outputs)
        }
        compute.combine(outputs, weights, into: out, rows: rows)
    }

    /// Runs experts in groups: those in memory, then whatever has arrived meanwhile.
    private func stream(
        _ x: ActivationRows, _ networks: Networks, from source: any ExpertSource, _ progress: () -> Void
    ) throws(EngineError) {
        let rows = Dictionary(uniqueKeysWithValues: parts.map { ($0.expert, $0.rows) })
        source.begin(layer: networks.layer, experts: parts.map(\.expert))
        while true {
            let group = try source.next()
            guard !group.isEmpty else { return }
            let weights = group.map {
                source.place(networks.experts[$0], layer: networks.layer, expert: $0)
            }
            let groupParts = group.enumerated().map { index, expert in
                Compute.ExpertRows(expert: index, rows: rows[expert] ?? 0..<0)
            }
            compute.feedForward(x, weights, groupParts, route, scratch: scratch, into: outputs)
            progress()
        }
    }

    private var route: Compute.ExpertRoute { .init(source: tokens, target: places) }

    /// Orders the (token, rank) pairs by expert, tokens ascending within one; leaves out experts without
    /// rows.
    private func bucketByExpert(rows: Int) {
        let k = experts.perToken
        for expert in next.indices { next[expert] = 0 }
        parts.removeAll(keepingCapacity: true)
        for row in 0..<rows { for rank in 0..<k { next[Int(ids[row, rank]) + 1] += 1 } }
        for expert in 0..<experts.count {
            let first = next[expert]
            let count = next[expert + 1]
            if count > 0 { parts.append(Compute.ExpertRows(expert: expert, rows: first..<first + count)) }
            next[expert + 1] = first + count
        }
        for row in 0..<rows {
            for rank in 0..<k {
                let expert = Int(ids[row, rank])
                let place = next[expert]
                next[expert] += 1
                tokens[0, place] = Int32(row)
                places[0, place] = Int32(row * k + rank)
            }
        }
    }
}
