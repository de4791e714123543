import MoedCore
import Synchronization

/// Notes which tensors of a checkpoint were asked for.
final class TensorUse: Sendable {
    private let names = Mutex<Set<ExactString>>([])

    func note(_ name: String) { names.withLock { _ = $0.insert(ExactString(name)) } }

    func contains(_ name: String) -> Bool { names.withLock { $0.contains(ExactString(name)) } }
}

extension Checkpoint {
    /// Patterns that are named in a remark.
    private static let patternsMax = 6

    /// One sentence about the tensors that nothing has asked for; nil when there are none. Complete after the model
    /// was assembled.
    package var unusedTensors: String? {
        var counts: [ExactString: Int] = [:]
        var order: [ExactString] = []
        for name in tensors.map(\.name).sorted() where !isUsed(name) {
            let pattern = ExactString(Self.pattern(storedName(name)))
            if counts.updateValue((counts[pattern] ?? 0) + 1, forKey: pattern) == nil { order.append(pattern) }
        }
        guard !order.isEmpty else { return nil }
        let shown = order.prefix(Self.patternsMax).map { pattern in
            let count = counts[pattern] ?? 0
            return count == 1 ? "\(pattern.text.prefix(200))" : "\(count) × \(pattern.text.prefix(200))"
        }
        let total = counts.values.reduce(0, +)
        let rest = order.count > shown.count ? " and \(order.count - shown.count) more kinds" : ""
        return "\(total) \(total == 1 ? "tensor is" : "tensors are") not used: "
            + shown.joined(separator: ", ") + rest
    }

    /// A tensor's name with an asterisk for each whole number between dots.
    private static func pattern(_ name: String) -> String {
        name.split(separator: ".", omittingEmptySubsequences: false)
            .map { part in !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? "*" : part }
            .joined(separator: ".")
    }
}
