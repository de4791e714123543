import MoedCore
import CMoedKernels
import MoedWeights
import MoedEngine
import TestSupport
import Testing

/// Products of int8 and int4 weights with int8 activations.
@Suite struct QuantisedKernelTests {
    static let formats = WeightFormat.quantGroups.flatMap { [WeightFormat.int8(group: $0), .int4(group: $0)] }
    /// Inputs around the group sizes and multiples of none.
    static let sizes = [1, 31, 64, 129, 300]

    /// The header's specification in plain arithmetic: integer sums in each quant group, one fma (int4: two) per group,
    /// then the row scale.
    private static func expected(_ x: [Float], _ matrix: QuantisedMatrix, rows: Int) throws -> [Float] {
        let kernels = try #require(KernelCalls("scalar"))
        let (inputs, group) = (matrix.inputs, matrix.group)
        let numbers = PanelNumbers(matrix)
        return (0..<rows).flatMap { row in
            let x = kernels.quantise(row: Array(x[row * inputs..<(row + 1) * inputs]), group: group)
            let (codes, scales) = (x.codes, x.scales)
            return (0..<matrix.outputs).map { output in
                var sum: Float = 0
                for g in 0..<(inputs + group - 1) / group {
                    let columns = g * group..<min((g + 1) * group, inputs)
                    let dot = columns.reduce(0) { $0 + codes[$1] * numbers.code(output, $1) }
                    sum.addProduct(Float(dot) * Float(numbers.scale(output, g)), scales[g])
                    if matrix.format.bits == 4 {
                        let total = columns.reduce(0) { $0 + codes[$1] }
                        sum.addProduct(Float(numbers.minimum(output, g)), 16 * scales[g] * Float(total))
                    }
                }
                return sum * numbers.unit(output)
            }
        }
    }

    @Test(arguments: sizes, formats) func multiply(inputs: Int, _ format: WeightFormat) throws {
        var numbers = SplitMix(seed: UInt64(inputs))
        for outputs in [5, 16, 137] {
            let weights = numbers.floats(outputs * inputs)
            let matrix = QuantisedMatrix(weights, outputs: outputs, inputs: inputs, format)
            let x = numbers.floats(15 * inputs, scale: 3)
            let expected = try Self.expected(x, matrix, rows: 15).map(\.bitPattern)
            // Any number of rows, that is any register tile, gives each row the same bits.
            for kernels in KernelCalls.all {
                for rows in kernels.description == "scalar" ? [1, 15] : Array(1...15) {
                    let part = kernels.multiply(Array(x.prefix(rows * inputs)), matrix, rows: rows)
                    #expect(
                        part.map(\.bitPattern) == Array(expected.prefix(rows * outputs)),
                        "\(kernels), \(rows) rows, \(outputs) outputs")
                }
            }
        }
    }

    /// Fetching changes times alone: all tunings give the same bits.
    @Test(arguments: formats) func fetchingChangesNoBit(_ format: WeightFormat) throws {
        var numbers = SplitMix(seed: 9)
        let (inputs, outputs) = (300, 70)
        let matrix = QuantisedMatrix(
            numbers.floats(outputs * inputs), outputs: outputs, inputs: inputs, format)
        let x = numbers.floats(13 * inputs)
        for kernels in KernelCalls.all where kernels.description != "scalar" {
            for rows in [1, 2, 3, 8, 13] {
                let part = Array(x.prefix(rows * inputs))
                let expected = kernels.multiply(part, matrix, rows: rows).map(\.bitPattern)
                for fetch in FetchTuning.allCases {
                    #expect(kernels.multiply(part, matrix, rows: rows, fetch: fetch).map(\.bitPattern) == expected)
                }
            }
        }
    }

    /// The largest codes of both sides, where sums in 16 bits would saturate.
    @Test(arguments: formats) func extremes(_ format: WeightFormat) throws {
        let inputs = 256
        let patterns: [(Int) -> Float] = [{ _ in 1 }, { _ in -1 }, { $0 % 2 == 0 ? 1 : -1 }]
        for weight in patterns {
            let matrix = QuantisedMatrix(
                (0..<16 * inputs).map(weight), outputs: 16, inputs: inputs, format)
            for pattern in patterns {
                let x = (0..<inputs).map(pattern)
                let expected = try Self.expected(x, matrix, rows: 1).map(\.bitPattern)
                let exact = (0..<inputs).reduce(Float(0)) { $0 + weight($1) * pattern($1) }
                for kernels in KernelCalls.all {
                    let result = kernels.multiply(x, matrix, rows: 1)
                    #expect(result.map(\.bitPattern) == expected, "\(kernels)")
                    #expect(abs(result[3] - exact) <= 2, "\(kernels)")
                }
            }
        }
    }

    @Test(arguments: formats) func gathersScattersAndKeepsToItsPanels(_ format: WeightFormat) throws {
        var numbers = SplitMix(seed: 5)
        let (inputs, outputs) = (190, 90)
        let matrix = QuantisedMatrix(
            numbers.floats(inputs * outputs), outputs: outputs, inputs: inputs, format)
        let x = numbers.floats(9 * inputs)
        for kernels in KernelCalls.all {
            let full = kernels.multiply(x, matrix, rows: 9)
            let from: [Int32] = [8, 0, 3, 3, 1]
            let to: [Int32] = [1, 4, 2, 6, 5]
            let moved = kernels.multiply(x, matrix, from: from, to: to, panels: 1..<6)
            for (source, target) in zip(from, to) {
                for column in 0..<outputs {
                    let value = moved[Int(target) * outputs + column]
                    if column >= 16 {
                        #expect(value == full[Int(source) * outputs + column])
                    } else {
                        #expect(value.isNaN, "column \(column) belongs to another panel")
                    }
                }
            }
            #expect(moved[0..<outputs].allSatisfy(\.isNaN) && moved[3 * outputs + 20].isNaN)
        }
    }

    /// Close to the product of the floats: the error that codes of 8 bits make on both sides.
    @Test(arguments: [(WeightFormat.int8(group: 64), 0.01), (.int4(group: 64), 0.1)])
    func closeToTheFloats(_ format: WeightFormat, _ limit: Double) throws {
        var numbers = SplitMix(seed: 12)
        let (inputs, outputs) = (1024, 32)
        let weights = numbers.floats(outputs * inputs)
        let x = numbers.floats(inputs)
        let matrix = QuantisedMatrix(weights, outputs: outputs, inputs: inputs, format)
        let result = try #require(KernelCalls.all.last).multiply(x, matrix, rows: 1)
        var (off, size) = (0.0, 0.0)
        for output in 0..<outputs {
            let exact = (0..<inputs).reduce(0.0) {
                $0 + Double(x[$1]) * Double(weights[output * inputs + $1])
            }
            off += (Double(result[output]) - exact) * (Double(result[output]) - exact)
            size += exact * exact
        }
        #expect((off / size).squareRoot() < limit)
    }

    @Test(arguments: sizes, WeightFormat.quantGroups) func activations(_ columns: Int, _ group: Int) throws {
        var numbers = SplitMix(seed: UInt64(columns))
        let x = numbers.floats(columns, scale: 7)
        let rows = KernelCalls.all.map { $0.quantise(row: x, group: group) }
        let row = try #require(rows.first)
        for (other, kernels) in zip(rows, KernelCalls.all) {
            #expect(other.codes == row.codes && other.offsets == row.offsets, "\(kernels)")
            #expect(other.scales.map(\.bitPattern) == row.scales.map(\.bitPattern), "\(kernels)")
            #expect(other.sums.map(\.bitPattern) == row.sums.map(\.bitPattern), "\(kernels)")
            if columns > group {
                let parts = kernels.quantise(row: x, group: group, cut: group)
                #expect(parts.codes == row.codes && parts.offsets == row.offsets && parts.sums == row.sums)
            }
        }
        for g in row.scales.indices {
            let part = g * group..<min((g + 1) * group, columns)
            let largest = part.map { abs(x[$0]) }.max() ?? 0
            #expect(abs(row.scales[g] - largest / 127) <= 1e-6 * largest)
            for k in part {
                #expect(abs(Float(row.codes[k]) * row.scales[g] - x[k]) <= row.scales[g] * 0.501)
            }
            #expect(row.codes[part.upperBound..<(g + 1) * group].allSatisfy { $0 == 0 })
            let sum = row.codes[g * group..<(g + 1) * group].reduce(0, +)
            #expect(row.offsets[g] == -128 * sum && row.sums[g] == 16 * row.scales[g] * Float(sum))
        }
    }

    /// A value that is not finite affects only its quant group and makes the result not finite.
    @Test func activationsThatAreNotFinite() throws {
        var numbers = SplitMix(seed: 3)
        for bad in [Float.nan, .infinity, -.infinity] {
            var x = numbers.floats(128)
            x[70] = bad
            for kernels in KernelCalls.all {
                let row = kernels.quantise(row: x, group: 64)
                #expect(row.scales[1].isNaN && row.scales[0].isFinite, "\(kernels)")
                #expect(row.codes[64...].allSatisfy { $0 == 0 } && row.codes[..<64].contains { $0 != 0 })
                let matrix = QuantisedMatrix(
                    [Float](repeating: 1, count: 128), outputs: 1, inputs: 128, .int8(group: 64))
                #expect(kernels.multiply(x, matrix, rows: 1)[0].isNaN)
            }
        }
        for tiny in [Float(0), .leastNonzeroMagnitude, 0x1p-110] {
            for kernels in KernelCalls.all {
                let row = kernels.quantise(row: [tiny, -tiny, tiny], group: 32)
                #expect(row.scales == [0] && row.codes.allSatisfy { $0 == 0 } && row.sums == [0])
            }
        }
    }
}

/// A matrix's codes and scales by place, read as the header describes the layout.
private struct PanelNumbers {
    private let matrix: QuantisedMatrix
    private let panelBytes: Int
    private let groups: Int

    init(_ matrix: QuantisedMatrix) {
        self.matrix = matrix
        panelBytes = matrix.format.panelByteCount(inputs: matrix.inputs)
        groups = (matrix.inputs + matrix.group - 1) / matrix.group
    }

    private func byte(_ output: Int, _ offset: Int) -> Int {
        Int(matrix.bytes[output / 16 * panelBytes + offset])
    }

    /// Byte offset of a quant group's block, number of groups in the block, and the group's index in it.
    private func block(_ group: Int) -> (start: Int, groups: Int, index: Int) {
        let bits = matrix.format.bits
        let most = bits == 8 ? 4 : 2
        let first = group / most * most
        let groupBytes = matrix.group * 2 * bits + (bits == 8 ? 16 : 32)
        return (64 + first * groupBytes, min(most, groups - first), group - first)
    }

    /// −127…127 or 0…15.
    func code(_ output: Int, _ k: Int) -> Int {
        let bits = matrix.format.bits
        let block = block(k / matrix.group)
        let start = block.start + block.index * matrix.group * 2 * bits
        let k = k % matrix.group
        if bits == 8 { return byte(output, start + k / 4 * 64 + output % 16 * 4 + k % 4) - 128 }
        let pair = byte(output, start + k / 8 * 64 + output % 16 * 4 + k % 4)
        return k % 8 < 4 ? pair & 15 : pair >> 4
    }

    func unit(_ output: Int) -> Float {
        let bits = (0..<4).reduce(UInt32(0)) {
            $0 | UInt32(byte(output, output % 16 * 4 + $1)) << UInt32(8 * $1)
        }
        return Float(bitPattern: bits)
    }

    func scale(_ output: Int, _ group: Int) -> Int { byte(output, numbers(group) + output % 16) }

    func minimum(_ output: Int, _ group: Int) -> Int {
        Int(Int8(bitPattern: UInt8(byte(output, numbers(group) + 16 + output % 16))))
    }

    private func numbers(_ group: Int) -> Int {
        let block = block(group)
        let bits = matrix.format.bits
        return block.start + block.groups * matrix.group * 2 * bits + block.index * (bits == 8 ? 16 : 32)
    }
}
