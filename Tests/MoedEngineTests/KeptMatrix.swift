import CMoedKernels
import MoedCore
import MoedWeights
import TestSupport

@testable import MoedEngine

/// A matrix of codes and numbers as a checkpoint stores them, and its panels.
struct KeptMatrix {
    let format: KeptFormat
    let outputs: Int
    let inputs: Int
    var kept = KeptCodes(codes: [], scales: [])

    var groups: Int { (inputs + format.group - 1) / format.group }
    var spans: Int { (inputs + format.span - 1) / format.span }

    /// - Parameter inputs: rounded up to whole spans of a nested form.
    init(_ format: KeptFormat, outputs: Int, inputs: Int, _ random: inout SplitMix) {
        (self.format, self.outputs) = (format, outputs)
        self.inputs = format.offset == .nested ? (inputs + format.span - 1) / format.span * format.span : inputs
        let most: UInt8 = format.bits == 4 ? 15 : 255
        kept.codes = (0..<outputs * self.inputs).map { _ in UInt8.random(in: 0...most, using: &random) }
        kept.scales = random.floats(outputs * spans).map { Self.half($0, format.scales) }
        if format.offset == .minimum || format.offset == .nested {
            kept.minima = random.floats(outputs * spans).map { Self.half($0, format.scales) }
        }
        switch format.offset {
        case .zero: kept.small = (0..<outputs * groups).map { _ in UInt8.random(in: 0...most, using: &random) }
        case .nested: kept.small = (0..<outputs * groups * 2).map { _ in UInt8.random(in: 0...63, using: &random) }
        default: break
        }
    }

    init(_ format: KeptFormat, _ shape: MatrixShape, _ kept: KeptCodes) {
        (self.format, outputs, inputs, self.kept) = (format, shape.outputs, shape.inputs, kept)
    }

    /// Numbers of some rows.
    func rows(_ range: Range<Int>) -> KeptCodes {
        func part<T>(_ all: [T]) -> [T] {
            let width = all.count / outputs
            return Array(all[range.lowerBound * width..<range.upperBound * width])
        }
        return KeptCodes(
            codes: part(kept.codes), scales: part(kept.scales), minima: part(kept.minima), small: part(kept.small))
    }

    var panels: [UInt8] {
        let size = WeightFormat.kept(format).panelByteCount(inputs: inputs)
        var bytes: [UInt8] = []
        for first in stride(from: 0, to: outputs, by: 16) {
            let count = min(16, outputs - first)
            var panel = [UInt8](repeating: 9, count: size)
            var part = rows(first..<first + count)
            unsafe part.withNumbers { codes, numbers in
                var numbers = unsafe numbers
                unsafe moed_keep_panel(&panel, format.form, codes, &numbers, count, inputs, format.group)
            }
            bytes += panel
        }
        return bytes
    }

    /// A row of a panel as it was given.
    static func row(_ panel: [UInt8], _ row: Int, _ inputs: Int, _ format: KeptFormat) -> KeptCodes {
        var codes = [UInt8](repeating: 99, count: inputs)
        let (groups, spans) = ((inputs + format.group - 1) / format.group, (inputs + format.span - 1) / format.span)
        let hasMinima = format.offset == .minimum || format.offset == .nested
        let perGroup = format.offset == .zero ? 1 : format.offset == .nested ? 2 : 0
        var numbers = KeptCodes(
            codes: [0], scales: [UInt16](repeating: 99, count: spans),
            minima: [UInt16](repeating: 99, count: hasMinima ? spans : 0),
            small: [UInt8](repeating: 99, count: groups * perGroup))
        unsafe numbers.withNumbers { _, into in
            var into = unsafe into
            unsafe moed_kept_row(&codes, &into, panel, format.form, row, inputs, format.group)
        }
        numbers.codes = codes
        return numbers
    }

    /// Scale, zero point and minimum of a group.
    func grid(_ output: Int, _ group: Int) -> (scale: Float, zero: Int, minimum: Float?) {
        let place = output * spans + group * format.group / format.span
        let scale = Self.value(kept.scales[place], format.scales)
        let small = output * groups + group
        switch format.offset {
        case .middle: return (scale, format.bits == 4 ? 8 : 128, nil)
        case .zero: return (scale, Int(kept.small[small]), nil)
        case .minimum: return (scale, 0, Self.value(kept.minima[place], format.scales))
        case .nested:
            let minimum = Self.value(kept.minima[place], format.scales) * Float(kept.small[2 * small + 1])
            return (scale * Float(kept.small[2 * small]), 0, -minimum)
        }
    }

    func weights(_ output: Int) -> [Float] {
        var weights: [Float] = []
        weights.reserveCapacity(inputs)
        for group in 0..<groups {
            let grid = grid(output, group)
            for input in group * format.group..<min((group + 1) * format.group, inputs) {
                let value = Float(Int(kept.codes[output * inputs + input]) - grid.zero) * grid.scale
                weights.append(grid.minimum.map { value + $0 } ?? value)
            }
        }
        return weights
    }

    static func half(_ value: Float, _ scales: KeptFormat.Scales) -> UInt16 {
        scales == .f16 ? Float16(value).bitPattern : UInt16(value.bitPattern >> 16)
    }

    static func value(_ bits: UInt16, _ scales: KeptFormat.Scales) -> Float {
        scales == .f16 ? Float(Float16(bitPattern: bits)) : Float(bitPattern: UInt32(bits) << 16)
    }
}

extension KeptCodes {
    static func == (a: KeptCodes, b: KeptCodes) -> Bool {
        a.codes == b.codes && a.scales == b.scales && a.minima == b.minima && a.small == b.small
    }
}
