import MoedCore
import MoedEngine

/// Root mean squares of a text's intermediate results, layer by layer. Two formats of a model, or two programs, are
/// compared by them.
final class TraceSummary {
    private struct Key: Hashable {
        let name: TraceTensor.Name
        let layer: Int?
    }

    /// Keys in the order of the forward pass.
    private var order: [Key] = []
    private var sums: [Key: (squares: Double, count: Int)] = [:]

    func add(_ tensor: TraceTensor) {
        // Numbers of experts have no size.
        guard tensor.name != .expertIDs else { return }
        let key = Key(name: tensor.name, layer: tensor.layer)
        if sums[key] == nil { order.append(key) }
        var sum = sums[key] ?? (0, 0)
        for value in tensor.values { sum.squares += Double(value) * Double(value) }
        sum.count += tensor.values.count
        sums[key] = sum
    }

    var json: JSONValue {
        .array(
            order.map { key in
                let sum = sums[key] ?? (0, 0)
                let rms = (sum.squares / Double(max(sum.count, 1))).squareRoot()
                return .object(
                    JSONObject([
                        ("layer", key.layer.map { .integer(Int64($0)) } ?? .null),
                        ("name", .string(key.name.rawValue)), ("rms", .double(rms)),
                    ]))
            })
    }
}
