import CMoedKernels
import MoedCore
import MoedHost
import MoedPacks
import MoedWeights

/// Weights `[outputs, inputs]` in panels of 16 outputs, as the kernels read them.
struct PackedMatrix: Sendable {
    let outputs: Int
    let inputs: Int
    let format: WeightFormat
    let memory: WeightMemory
    /// Byte offset in `memory`.
    let offset: Int

    init(_ shape: MatrixShape, _ format: WeightFormat, in memory: WeightMemory, at offset: Int) {
        (outputs, inputs) = (shape.outputs, shape.inputs)
        self.format = format
        self.memory = memory
        self.offset = offset
    }

    var shape: MatrixShape { MatrixShape(outputs, inputs) }
    var panels: Int { WeightFormat.panels(outputs: outputs) }
    var panelByteCount: Int { format.panelByteCount(inputs: inputs) }
    var byteCount: Int { panels * panelByteCount }

    static let panelOutputs = MOED_PANEL

    /// The panels' memory.
    var start: UnsafeMutableRawPointer { unsafe memory.bytes(at: offset, count: byteCount) }
}

extension KeptFormat {
    /// The form as the kernels have it.
    var form: moed_kept_form {
        let offset =
            switch offset {
            case .middle: MOED_KEPT_MIDDLE
            case .zero: MOED_KEPT_ZERO
            case .minimum: MOED_KEPT_MINIMUM
            case .nested: MOED_KEPT_NESTED
            }
        let scales = scales == .f16 ? MOED_SCALES_F16 : MOED_SCALES_BF16
        return moed_kept_form(bits: Int32(bits), scales: Int32(scales), offset: Int32(offset))
    }
}

/// The model's weights: written while loading, only read afterwards.
///
/// `@unchecked Sendable`: `reserve` and `allocate` are called, and the memory written, by the loader alone,
/// before it hands out the model whose matrices refer to it; from then on there are only reads.
final class WeightMemory: @unchecked Sendable {
    private(set) var byteCount = 0
    private var memory: AlignedMemory?

    /// Room for `count` bytes, rounded up to whole `alignment`s.
    func reserve(_ count: Int, alignment: Int) throws(EngineError) -> Int {
        let offset = byteCount
        let (end, overflow) = offset.addingReportingOverflow(count.rounded(upTo: alignment))
        guard !overflow else { throw EngineError(.outOfMemory, "the weights are larger than memory can be") }
        byteCount = end
        return offset
    }

    func allocate() throws(EngineError) {
        memory = try AlignedMemory.allocated(byteCount: byteCount, purpose: "the model's weights")
    }

    func bytes(at offset: Int, count: Int) -> UnsafeMutableRawPointer {
        guard let memory else { preconditionFailure("weights are used before they are allocated") }
        precondition(offset >= 0 && count >= 0 && offset + count <= memory.byteCount)
        return unsafe memory.base + offset
    }
}
