/// The format of a weight matrix in memory and packs: its elements and, when quantised, the size of a quant group.
///
/// The layouts are described in `moed_kernels.h`; all of them are made of panels of 16 outputs, each one
/// contiguous.
package enum WeightFormat: Sendable, Hashable {
    /// As stored by bf16 checkpoints: half the memory of f32, widened in the kernel without loss.
    case bf16
    /// For f16 and f32 checkpoints: exact for both.
    case f32
    case int8(group: Int)
    case int4(group: Int)
    /// Codes and scales as a checkpoint stores them.
    case kept(KeptFormat)
    /// A wish, the format of no matrix: kept where a kernel multiplies the codes as they are, else `keepFallback`.
    case keep

    /// The format of weights that cannot be kept.
    package static let keepFallback = WeightFormat.int8(group: 32)

    /// The format of weights that are made here, which have no codes to keep.
    package var made: WeightFormat { self == .keep ? .keepFallback : self }

    /// Outputs per panel.
    package static let panelOutputs = 16
    /// Sizes of quant groups that the kernels have.
    package static let quantGroups = [32, 64, 128]

    /// Size of a quant group: inputs that share a scale. Nil when the format has no scales.
    package var quantGroup: Int? {
        switch self {
        case .bf16, .f32: nil
        case .int8(let group), .int4(let group): group
        case .kept(let kept): kept.group
        case .keep: Self.keepFallback.quantGroup
        }
    }

    /// True when packed weights are those of the source, bit for bit.
    package var isExact: Bool {
        if case .kept = self { return true }
        return quantGroup == nil
    }

    /// Bits of one weight's code or value.
    package var bits: Int {
        switch self {
        case .bf16: 16
        case .f32: 32
        case .int8: 8
        case .int4: 4
        case .kept(let kept): kept.bits
        case .keep: Self.keepFallback.bits
        }
    }

    package func panelByteCount(inputs: Int) -> Int {
        guard let group = quantGroup else { return Self.panelOutputs * inputs * bits / 8 }
        let groups = (inputs + group - 1) / group
        let codes = groups * group * Self.panelOutputs * bits / 8
        if case .kept(let kept) = self { return codes + kept.numbersByteCount(groups: groups) }
        // A byte per output and group, the scale, and for int4 another, the minimum; and their unit, four bytes.
        let numbers = groups * Self.panelOutputs * (bits == 4 ? 2 : 1)
        return 4 * Self.panelOutputs + (codes + numbers + 63) / 64 * 64
    }

    package static func panels(outputs: Int) -> Int { (outputs + panelOutputs - 1) / panelOutputs }

    package func byteCount(outputs: Int, inputs: Int) -> Int {
        Self.panels(outputs: outputs) * panelByteCount(inputs: inputs)
    }
}

extension WeightFormat: CustomStringConvertible {
    /// As in manifests and tables: `bf16`, `f32`, `int8/64`, `int4/128`, `kept4/32/f16`.
    package var description: String {
        switch self {
        case .bf16: "bf16"
        case .f32: "f32"
        case .int8(let group): "int8/\(group)"
        case .int4(let group): "int4/\(group)"
        case .kept(let kept): "\(kept)"
        case .keep: "keep"
        }
    }

    package init?(_ description: String) {
        let known: [WeightFormat] =
            [.bf16, .f32, .keep] + Self.quantGroups.flatMap { [.int8(group: $0), .int4(group: $0)] }
            + KeptFormat.all.map { .kept($0) }
        guard let format = known.first(where: { $0.description == description }) else { return nil }
        self = format
    }
}
