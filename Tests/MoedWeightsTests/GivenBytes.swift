import MoedCore
import MoedWeights

/// A tensor whose bytes are given.
struct GivenBytes: TensorBytes {
    var entry: TensorEntry
    var bytes: [UInt8]

    init(_ type: ElementType, _ bytes: [UInt8], shape: [Int] = [], name: String = "x.weight") {
        entry = TensorEntry(name: name, type: type, shape: shape, offset: 0, byteCount: bytes.count)
        self.bytes = bytes
    }

    func read(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        target.replaceSubrange(0..<range.count, with: bytes[range])
    }

    func error(_ reason: String) -> EngineError { EngineError(.badCheckpoint, "tensor \(entry.name) \(reason)") }
}
