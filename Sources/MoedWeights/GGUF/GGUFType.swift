import MoedLattice

/// The type of a GGUF tensor: plain elements, or blocks.
enum GGUFType {
    case plain(ElementType)
    case blocks(BlockType)

    /// - Parameter number: of the format; nil is returned for a type that is not read.
    init?(_ number: UInt64) {
        switch number {
        case 0: self = .plain(.f32)
        case 1: self = .plain(.f16)
        case 30: self = .plain(.bf16)
        default:
            guard let blocks = BlockType.allCases.first(where: { $0.number == number }) else { return nil }
            self = .blocks(blocks)
        }
    }

    /// Number and name of a type that is not read.
    static func unread(_ number: UInt64) -> String {
        let names: [UInt64: String] = [
            19: "IQ1_S", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 40: "NVFP4", 41: "Q1_0", 133: "Q6_0 of ik_llama.cpp",
        ]
        return "\(number)" + (names[number].map { " (\($0))" } ?? "")
    }

    var element: ElementType { if case .plain(let type) = self { type } else { .u8 } }
    var blocks: BlockType? { if case .blocks(let type) = self { type } else { nil } }

    /// Bytes of a tensor; nil when its rows are no whole blocks, or it is larger than memory can be.
    func byteCount(_ shape: [Int]) -> Int? {
        let (weights, bytes) =
            switch self {
            case .plain(let type): (1, type.byteCount)
            case .blocks(let type): (type.weights, type.byteCount)
            }
        let row = shape.last ?? 1
        guard row % weights == 0 else { return nil }
        var total = row / weights
        for size in shape.dropLast() + [bytes] {
            let (product, overflow) = total.multipliedReportingOverflow(by: size)
            guard !overflow else { return nil }
            total = product
        }
        return total
    }
}
