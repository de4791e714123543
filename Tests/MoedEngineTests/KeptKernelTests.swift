import CMoedKernels
import MoedCore
import MoedWeights
import TestSupport
import Testing

@testable import MoedEngine

/// Products of panels that hold codes and numbers as a checkpoint stores them.
@Suite struct KeptKernelTests {
    static let formats = KeptFormat.all

    /// The header's specification in plain arithmetic, for any number of rows and each instruction set.
    @Test(arguments: formats) func products(_ format: KeptFormat) throws {
        let scalar = try #require(KernelCalls("scalar"))
        var random = SplitMix(seed: 5)
        for (outputs, inputs) in [(5, 31), (16, 129), (21, 300)] {
            var matrix = KeptMatrix(format, outputs: outputs, inputs: inputs, &random)
            let inputs = matrix.inputs
            // Largest codes of one sign, where sums of 16 bits would saturate; negative, zero and subnormal scales.
            for input in 0..<inputs { matrix.kept.codes[input] = 0 }
            for input in 0..<inputs { matrix.kept.codes[inputs + input] = format.bits == 4 ? 15 : 255 }
            matrix.kept.scales[0] = KeptMatrix.half(-0.75, format.scales)
            matrix.kept.scales[1] = 0
            matrix.kept.scales[2] = 3
            // The largest distances of codes and zero points, too.
            if format.offset == .zero {
                for group in 0..<matrix.groups {
                    matrix.kept.small[group] = format.bits == 4 ? 15 : 255
                    matrix.kept.small[matrix.groups + group] = 0
                }
            }
            let x = (0..<13 * inputs).map { $0 < inputs ? Float(-1) : Float.random(in: -3...3, using: &random) }
            let expected = (0..<13).flatMap { row in
                let x = scalar.quantise(row: Array(x[row * inputs..<(row + 1) * inputs]), group: format.group)
                let row = (x.codes, x.scales)
                return (0..<outputs).map { Self.product(matrix, $0, row).bitPattern }
            }
            let panels = matrix.panels
            for kernels in KernelCalls.all {
                for rows in [1, 2, 5, 7, 12, 13] {
                    let found = kernels.multiplyKept(
                        Array(x.prefix(rows * inputs)), panels, format, rows: rows, inputs: inputs, outputs: outputs)
                    #expect(found.map(\.bitPattern) == Array(expected.prefix(rows * outputs)), "\(kernels), \(rows) rows")
                }
            }
        }
    }

    private static func product(_ matrix: KeptMatrix, _ output: Int, _ x: (codes: [Int], scales: [Float])) -> Float {
        let (group, inputs) = (matrix.format.group, matrix.inputs)
        var sum: Float = 0
        for g in 0..<matrix.groups {
            let grid = matrix.grid(output, g)
            var (dot, codes) = (0, 0)
            for column in g * group..<min((g + 1) * group, inputs) {
                dot += x.codes[column] * (Int(matrix.kept.codes[output * inputs + column]) - grid.zero)
                codes += x.codes[column]
            }
            sum.addProduct(Float(dot) * grid.scale, x.scales[g])
            if let minimum = grid.minimum { sum.addProduct(minimum, x.scales[g] * Float(codes)) }
        }
        return sum
    }

    @Test(arguments: formats) func panelsGiveTheirRowsBack(_ format: KeptFormat) {
        var random = SplitMix(seed: 6)
        for (outputs, inputs) in [(1, 1), (17, 33), (20, 257)] {
            let matrix = KeptMatrix(format, outputs: outputs, inputs: inputs, &random)
            let inputs = matrix.inputs
            let size = WeightFormat.kept(format).panelByteCount(inputs: inputs)
            #expect(size % 64 == 0 && size == moed_kept_panel_bytes(format.form, inputs, format.group))
            let panels = matrix.panels
            for output in 0..<outputs {
                let panel = Array(panels[output / 16 * size..<(output / 16 + 1) * size])
                #expect(KeptMatrix.row(panel, output % 16, inputs, format) == matrix.rows(output..<output + 1))
                var weights = [Float](repeating: .nan, count: inputs)
                unsafe moed_dequantise_kept_row(&weights, panel, format.form, output % 16, inputs, format.group)
                #expect(weights == matrix.weights(output))
            }
        }
    }

    @Test func names() {
        for format in Self.formats { #expect(WeightFormat("\(format)") == .kept(format)) }
        #expect(Set(Self.formats.map(\.description)).count == 26)
        #expect("\(KeptFormat(bits: 4, group: 128, scales: .bf16, offset: .zero))" == "kept4/128/bf16/zero")
    }
}
