import MoedCore
import CMoedKernels
import MoedWeights
import TestSupport
import Testing

/// Making quantised panels.
@Suite struct QuantiserTests {
    static let formats = QuantisedKernelTests.formats

    @Test(arguments: formats) func sizesAgree(_ format: WeightFormat) {
        for inputs in [1, 31, 32, 33, 64, 96, 768, 2048, 2049] {
            let bytes = moed_panel_bytes(Int32(format.bits), inputs, format.quantGroup ?? 0)
            #expect(format.panelByteCount(inputs: inputs) == bytes && bytes % 64 == 0)
        }
        #expect(WeightFormat(format.description) == format)
    }

    @Test func bitsPerWeight() {
        let bits = { (format: WeightFormat) in
            format.byteCount(outputs: 768, inputs: 2048) * 8 * 100 / (768 * 2048)
        }
        #expect(bits(.int8(group: 32)) == 826 && bits(.int8(group: 64)) == 814)
        #expect(bits(.int8(group: 128)) == 807)
        #expect(bits(.int4(group: 32)) == 451 && bits(.int4(group: 64)) == 426)
        #expect(bits(.bf16) == 1600 && bits(.f32) == 3200)
        #expect(WeightFormat("int4/48") == nil && WeightFormat("") == nil)
    }

    /// All processors make the same pack.
    @Test(arguments: formats, [1, 31, 129]) func variantsMakeTheSameBytes(
        _ format: WeightFormat, _ columns: Int
    ) {
        var numbers = SplitMix(seed: 21)
        for rows in [1, 16] {
            var weights = numbers.floats(rows * columns, scale: 0.05)
            weights[0] = 3
            let panels = KernelCalls.all.map {
                $0.quantise(panel: weights, rows: rows, columns: columns, format)
            }
            #expect(Set(panels).count == 1)
            let plain = QuantisedMatrix(weights, outputs: rows, inputs: columns, format)
            #expect(plain.bytes == panels.first)
        }
    }

    /// Bell-shaped weights as trained models have them: relative root mean square errors. For comparison,
    /// blocks of 32 with 8.5 bits (Q8_0) give 0.0053, those with 4.5 bits (Q4_0) 0.085.
    @Test(arguments: [
        (WeightFormat.int8(group: 32), 0.0054), (.int8(group: 64), 0.006), (.int8(group: 128), 0.0066),
        (.int4(group: 32), 0.074), (.int4(group: 64), 0.084), (.int4(group: 128), 0.094),
    ]) func errors(_ format: WeightFormat, _ limit: Double) {
        var numbers = SplitMix(seed: 9)
        let weights = (0..<16 * 1024).map { _ in numbers.floats(12, scale: 0.01).reduce(0, +) }
        let matrix = QuantisedMatrix(weights, outputs: 16, inputs: 1024, format)
        var (off, size) = (0.0, 0.0)
        for (weight, value) in zip(weights, matrix.weights) {
            off += Double(weight - value) * Double(weight - value)
            size += Double(weight) * Double(weight)
        }
        let error = (off / size).squareRoot()
        #expect(error < limit && error > limit / 2)
    }

    /// Weights on a representable grid are restored exactly.
    @Test(arguments: formats) func gridsComeBack(_ format: WeightFormat) {
        let columns = 288
        let weights = (0..<3 * columns).map { index in
            let (row, k) = (index / columns, index % columns)
            let units =
                format.bits == 8 ? 248 * (k % 32 == 0 ? 127 : k * 37 % 255 - 127) : 248 * (k * 7 % 16) - 1280
            return Float(units) * [0.015625, 1, 96][row]
        }
        let zeros = [Float](repeating: 0, count: columns)
        let matrix = QuantisedMatrix(weights + zeros, outputs: 4, inputs: columns, format)
        #expect(matrix.weights == weights + zeros)
        let constant = [Float](repeating: -0.375, count: columns)
        let same = QuantisedMatrix(constant, outputs: 1, inputs: columns, format)
        #expect(largestDifference(same.weights, constant) <= 0.375 / 127)
    }

    @Test func valuesThatCannotBeHeldAreFound() {
        for bad in [Float.nan, .infinity, -.infinity, 0x1p61] {
            var panel = [UInt8](repeating: 0, count: 4096)
            #expect(unsafe moed_quantise_panel(&panel, [1, 2, bad, 4], 2, 2, 4, 32) == 2)
            #expect(panel.allSatisfy { $0 == 0 })
        }
        // The largest and the smallest that can.
        var panel = [UInt8](repeating: 0, count: 4096)
        #expect(
            unsafe moed_quantise_panel(&panel, [0x1p60, -0x1p60, .leastNonzeroMagnitude, 0], 2, 2, 8, 32)
                == -1)
        var row: [Float] = [0, 0]
        unsafe moed_dequantise_row(&row, panel, 0, 2, 8, 32)
        #expect(abs(row[0] / 0x1p60 - 1) < 0.01 && abs(row[1] / 0x1p60 + 1) < 0.01)
    }
}
